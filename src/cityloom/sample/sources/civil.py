"""民政: workbooks of marriages, with a two-row header and a total, and of deaths."""

from __future__ import annotations

from pathlib import Path

from cityloom.sample import dirt
from cityloom.sample.draw import chance, dice, pick
from cityloom.sample.people import AS_OF
from cityloom.sample.sources.feed import Feed, Stretch, cells, keyed
from cityloom.sample.writers import BookFiles, BookForm, Writer

MARRIAGES = BookForm(
    "云澜市婚姻登记台账",
    "婚姻登记",
    ("登记证号", "登记类型", "登记日期", "男方/姓名", "男方/证件号码", "女方/姓名", "女方/证件号码"),
    has_total=True,
)
DEATHS = BookForm(
    "云澜市殡葬登记台账", "殡葬登记", ("死亡证明编号", "姓名", "证件号码", "死亡日期", "死亡地点", "登记日期")
)
KINDS = {"结婚": ("结婚", "结婚登记"), "离婚": ("离婚", "离婚登记"), "复婚": ("复婚", "复婚登记")}
PLACES = ["医院", "医院", "医院", "家中", "家中", "养老机构", "其他"]

WEDDING_CHANCES: dirt.Chances = (
    ("code_variant", 40, "true"),
    ("date_form", 42, "true"),
    ("full_width", 14, "true"),
    ("stray_space", 26, "true"),
    ("lower_x", 40, "right(soiled_id, 1) = 'X'"),
    ("id_15", 60, "day < 10957 AND born < 5479"),
    ("name_typo", 8, "true"),
    ("name_blank", 2, "true"),
    ("bad_check", 1.5, "true"),
    ("missing_key", 0.8, "true"),
)
DEATH_CHANCES: dirt.Chances = (
    ("date_form", 60, "true"),
    ("full_width", 18, "true"),
    ("stray_space", 32, "true"),
    ("lower_x", 40, "right(citizen_id, 1) = 'X'"),
    ("id_15", 25, dirt.BEFORE_1985),
    ("name_typo", 10, "true"),
    ("name_blank", 3, "true"),
    ("bad_check", 1.5, "true"),
    ("missing_key", 0.8, "true"),
)


def _weddings(stretch: Stretch) -> str:
    pairs = f"""
        SELECT e.e, e.kind AS event, e.day, e.h, m.name AS m_name, m.citizen_id AS m_id, w.name AS w_name, w.citizen_id AS w_id,
            e.e % 2 = 0 AS is_man, CASE WHEN e.e % 2 = 0 THEN m.b ELSE w.b END AS born,
            CASE WHEN e.e % 2 = 0 THEN m.citizen_id ELSE w.citizen_id END AS soiled_id, m.registered_division AS division
        FROM {stretch.events} AS e JOIN {stretch.people} AS m ON m.i = e.man JOIN {stretch.people} AS w ON w.i = e.woman"""
    known = keyed(f"({pairs})", "mz marriage", f"NOT {chance('h', 'mz absent', 1)}")
    records = dirt.soiled(known, WEDDING_CHANCES, can_age="false", exact=14)
    years = "CASE WHEN day < 7305 THEN '1950-1989' WHEN day < 14610 THEN '1990-2009' ELSE '2010-2025' END"
    letter = "CASE event WHEN '结婚' THEN 'J' WHEN '离婚' THEN 'L' ELSE 'F' END"
    number = f"{letter} || division || '-' || strftime(DATE '1970-01-01' + CAST(day AS INTEGER), '%Y') || '-' || lpad(CAST(e AS VARCHAR), 10, '0')"

    def party(letter: str, is_soiled: str) -> tuple[str, str]:
        return (
            f"CASE WHEN {is_soiled} THEN {dirt.name(letter + '_name')} ELSE {letter}_name END",
            f"CASE WHEN {is_soiled} THEN {dirt.number(letter + '_id')} ELSE {letter}_id END",
        )

    kind = dirt.variant("event", KINDS)
    values = cells(number, kind, dirt.date("day"), *party("m", "is_man"), *party("w", "NOT is_man"))
    return f"SELECT {years} AS target, label, {values} FROM ({records}) ORDER BY target, e, copy"


def _deaths(stretch: Stretch) -> str:
    known = keyed(stretch.people, "mz death", f"d IS NOT NULL AND NOT {chance('h', 'death absent', 1)}")
    records = dirt.soiled(known, DEATH_CHANCES, can_age="false", exact=16)
    number = "'S990100' || left(death_date, 4) || lpad(CAST(i AS VARCHAR), 9, '0')"
    told = f"CAST(DATE '1970-01-01' + CAST(least(d + 1 + {dice('rk', 'told', 15)}, {AS_OF} - 1) AS INTEGER) AS VARCHAR)"
    values = cells(
        number,
        dirt.name("name"),
        dirt.number("citizen_id"),
        dirt.date("d"),
        pick("rk", "place", PLACES),
        told,
    )
    return f"SELECT '' AS target, label, {values} FROM ({records}) ORDER BY i, copy"


def _marriage_books(root: Path) -> Writer:
    return BookFiles(root, "mz/婚姻登记_{target}_{part}.xlsx", MARRIAGES)


def _death_books(root: Path) -> Writer:
    return BookFiles(root, "mz/殡葬_{part}.xlsx", DEATHS)


FEEDS = (
    Feed("mz.marriage", "events", _weddings, _marriage_books),
    Feed("mz.death", "people", _deaths, _death_books),
)
