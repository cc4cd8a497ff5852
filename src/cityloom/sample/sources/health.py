"""卫健: births behind an interface (kept in SQLite), and daily increments of visits."""

from __future__ import annotations

from pathlib import Path

from cityloom.sample import dirt
from cityloom.sample.draw import chance, dice, moment, pick
from cityloom.sample.people import AS_OF
from cityloom.sample.sources.feed import Feed, Stretch, cells, keyed
from cityloom.sample.words import HOSPITALS, WARDS
from cityloom.sample.writers import LineFiles, TableFile, Writer

BIRTHS = (
    "cert_no",
    "child_id",
    "child_name",
    "sex",
    "birth_time",
    "mother_id",
    "father_id",
    "hospital",
    "updated_at",
)
VISITS = ("visit_no", "id_no", "name", "phone", "address", "visit_date", "dept")
BIRTHS_FROM = 17897
"""2019-01-01: since then births are registered electronically."""
DAYS = 10
"""Daily files of visits, the last one of the day before the city's present day."""
SEXES = {"1": ("1", "男", "M"), "2": ("2", "女", "F")}

BIRTH_CHANCES: dirt.Chances = (
    ("code_variant", 55, "true"),
    ("date_form", 45, "true"),
    ("full_width", 12, "true"),
    ("stray_space", 25, "true"),
    ("missing_key", 12, "true"),
    ("bad_check", 4, "true"),
    ("name_typo", 6, "true"),
    ("name_blank", 6, "true"),
)
VISIT_CHANCES: dirt.Chances = (
    ("phone_form", 50, "phone IS NOT NULL"),
    ("date_form", 20, "true"),
    ("full_width", 12, "true"),
    ("stray_space", 25, "true"),
    ("lower_x", 40, "right(citizen_id, 1) = 'X'"),
    ("id_15", 20, dirt.BEFORE_1985),
    ("name_typo", 12, "true"),
    ("name_blank", 4, "true"),
    ("bad_check", 5, "true"),
    ("missing_key", 22, "true"),
    ("stale_address", 45, "has_moved"),
)


def _births(stretch: Stretch) -> str:
    parents = f"""
        SELECT k.*, m.citizen_id AS mother_id, f.citizen_id AS father_id FROM {stretch.people} AS k
        JOIN {stretch.people} AS m ON m.i = k.c * 10 + CASE WHEN k.slot = 8 THEN 7 ELSE 3 END
        JOIN {stretch.people} AS f ON f.i = k.c * 10 + CASE WHEN k.slot = 8 THEN 6 ELSE 2 END
        WHERE k.slot IN (4, 5, 8) AND k.b >= {BIRTHS_FROM}"""
    records = dirt.soiled(keyed(f"({parents})", "wj birth"), BIRTH_CHANCES, can_age=f"b < {AS_OF} - 40")
    updated = f"least(b + CASE WHEN copy = 2 THEN 0 ELSE 3 + {dice('rk', 'told', 27)} END, {AS_OF} - 1)"
    clock = moment("b", "rk", "born")
    born = f"CASE WHEN kind = 'date_form' THEN replace({clock}, '-', '/') ELSE replace({clock}, ' ', 'T') END"
    child = f"CASE WHEN copy = 2 THEN '' ELSE {dirt.number('citizen_id')} END"
    father = f"CASE WHEN {chance('rk', 'no father', 20)} THEN '' ELSE father_id END"
    place = pick("rk", "hospital", HOSPITALS)
    told = f"replace({moment(updated, 'rk', 'told')}, ' ', 'T')"
    values = cells(
        "'U99' || lpad(CAST(i AS VARCHAR), 9, '0')", child, dirt.name("name"), dirt.variant("sex", SEXES), born, "mother_id", father, place, told
    )  # fmt: skip
    return f"SELECT '' AS target, label, {values} FROM ({records}) ORDER BY i, copy"


def _visits(stretch: Stretch) -> str:
    needs = "NOT has_insurance AND (phone IS NOT NULL OR has_moved)"
    known = keyed(stretch.people, "wj visit", f"d IS NULL AND (({needs}) OR {chance('h', 'visits', 150)})")
    dated = f"SELECT *, {AS_OF - DAYS} + {dice('rk', 'visit day', DAYS)} AS day FROM ({known})"
    records = dirt.soiled(dated, VISIT_CHANCES, can_age="false", exact=10)
    compact = "strftime(DATE '1970-01-01' + CAST(day AS INTEGER), '%Y%m%d')"
    clock = moment("day", "rk", "visit")
    seen = f"CASE WHEN kind = 'date_form' THEN left(replace({clock}, '-', '/'), 16) ELSE {clock} END"
    home = "CASE WHEN kind = 'stale_address' THEN registered_address ELSE current_address END"
    number = f"'V' || {compact} || lpad(CAST(i AS VARCHAR), 9, '0')"
    fields = [
        number,
        dirt.number("citizen_id"),
        dirt.name("name"),
        dirt.phone("phone"),
        home,
        seen,
        pick("rk", "ward", WARDS),
    ]
    line = " || ',' || ".join(dirt.quoted(f) for f in fields)
    return f"SELECT {compact} AS target, label, {line} AS line FROM ({records}) ORDER BY target, i, copy"


def _birth_table(root: Path) -> Writer:
    return TableFile(root, "wj/births.sqlite", "births", BIRTHS, index="updated_at, cert_no")


def _visit_files(root: Path) -> Writer:
    return LineFiles(root, "wj/visits/visit_{target}.csv", ",".join(f'"{c}"' for c in VISITS), limit=2**62)


FEEDS = (
    Feed("wj.births", "people", _births, _birth_table),
    Feed("wj.visits", "people", _visits, _visit_files),
)
