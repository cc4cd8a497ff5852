"""公安: the population register, comma separated GB18030 files by district."""

from __future__ import annotations

from pathlib import Path

from cityloom.sample import dirt
from cityloom.sample.draw import address, chance, dice, division, full_width, salted
from cityloom.sample.people import AS_OF
from cityloom.sample.sources.feed import Feed, Stretch, keyed
from cityloom.sample.words import PEOPLE_NAMES
from cityloom.sample.writers import LineFiles, Writer

HEADER = "公民身份号码,姓名,性别,民族,出生日期,户籍地址,行政区划,人员状态,变更日期"

CHANCES: dirt.Chances = (
    ("sex_variant", 32, "true"),
    ("people_variant", 22, "true"),
    ("date_form", 45, "true"),
    ("full_width", 14, "true"),
    ("stray_space", 20, "true"),
    ("lower_x", 40, "right(citizen_id, 1) = 'X'"),
    ("id_15", 14, dirt.BEFORE_1985),
    ("bad_check", 2, "true"),
    ("missing_key", 0.8, "true"),
    ("impossible_date", 1.5, "true"),
)
SEXES = {"1": ("男", "男性", "1", "M"), "2": ("女", "女性", "2", "F")}
PEOPLES = {code: (name, code) if code != "01" else (name, "汉", "01") for code, name in PEOPLE_NAMES.items()}


def _records(stretch: Stretch) -> str:
    base = f"""
        SELECT *, {salted("h", "old home")} AS ho, d IS NOT NULL AND {chance("rk", "lives on", 80)} AS lives_on,
            greatest(b + 2, least({AS_OF} - 1 - {dice("rk", "changed", 4000)}, coalesce(d, {AS_OF}) - 5)) AS touched
        FROM ({keyed(stretch.people, "ga", f"NOT {chance('h', 'ga absent', 0.8)}")})"""
    dated = f"""
        SELECT *, CASE WHEN d IS NOT NULL AND NOT lives_on THEN least(d + 3 + {dice("rk", "told", 20)}, {AS_OF} - 1) ELSE touched END AS changed
        FROM ({base})"""
    return dirt.soiled(
        dated,
        CHANCES,
        first="CASE WHEN lives_on THEN 'alive_after_death' END",
        can_age="touched - 45 > b",
        exact=8,
        stale=14,
    )


def _query(stretch: Stretch) -> str:
    is_old = "kind = 'stale_duplicate'"
    birth = f"CASE WHEN kind = 'impossible_date' THEN left(birth_date, 4) || '0230' ELSE {dirt.date('b', 'compact')} END"
    home = f"CASE WHEN {is_old} THEN {address('ho')} WHEN kind = 'full_width' THEN {full_width('registered_address')} ELSE registered_address END"
    area = f"CASE WHEN {is_old} THEN {division('ho')} ELSE registered_division END"
    state = f"CASE WHEN d IS NOT NULL AND NOT lives_on AND NOT {is_old} THEN '注销' ELSE '正常' END"
    changed = f"strftime(DATE '1970-01-01' + CAST(CASE WHEN {is_old} THEN greatest(b + 1, touched - 30 - {dice('rk', 'older', 1500)}) ELSE changed END AS INTEGER), '%Y%m%d')"
    sex = dirt.variant("sex", SEXES).replace("'code_variant'", "'sex_variant'")
    people = dirt.variant("people_code", PEOPLES).replace("'code_variant'", "'people_variant'")
    fields = [dirt.number("citizen_id"), dirt.name("name"), sex, people, birth, home, area, state, changed]
    label = "CASE WHEN label IN ('sex_variant', 'people_variant') THEN 'code_variant' ELSE label END"
    return f"""
        SELECT registered_division AS target, {label} AS label, concat_ws(',', {", ".join(fields)}) AS line
        FROM ({_records(stretch)}) ORDER BY registered_division, i, copy"""


def _writer(root: Path) -> Writer:
    return LineFiles(root, "ga/hukou_{target}_{part}.csv", HEADER, "gb18030", newline="\r\n")


FEEDS = (Feed("ga.hukou", "people", _query, _writer),)
