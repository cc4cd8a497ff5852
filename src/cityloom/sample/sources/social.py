"""人社: the social insurance database, with the column names such systems have."""

from __future__ import annotations

from pathlib import Path

from cityloom.sample import dirt
from cityloom.sample.draw import address, chance, dice, moment, salted
from cityloom.sample.people import AS_OF, phone
from cityloom.sample.sources.feed import Feed, Stretch, cells, keyed
from cityloom.sample.writers import TableFile, Writer

INSURED = ("aac002", "aac003", "aac004", "aae005", "aae006", "aab001", "aac008", "aae036")
UNIT = ("aab001", "aab004", "aae006", "aab013", "aab022", "status", "aae036")
SEXES = {"1": ("1", "男", "M"), "2": ("2", "女", "F")}

INSURED_CHANCES: dirt.Chances = (
    ("phone_form", 32, "true"),
    ("code_variant", 30, "true"),
    ("date_form", 18, "true"),
    ("stray_space", 18, "true"),
    ("full_width", 12, "true"),
    ("lower_x", 40, "right(citizen_id, 1) = 'X'"),
    ("id_15", 18, dirt.BEFORE_1985),
    ("name_typo", 8, "true"),
    ("name_blank", 3, "true"),
    ("stale_phone", 8, "true"),
    ("bad_check", 1.5, "true"),
    ("missing_key", 0.8, "true"),
    ("stale_address", 80, "has_moved"),
)
UNIT_CHANCES: dirt.Chances = (
    ("name_form", 120, "contains(name, '（')"),
    ("stray_space", 22, "true"),
    ("code_variant", 30, "true"),
    ("date_form", 20, "true"),
    ("full_width", 14, "true"),
    ("name_blank", 4, "true"),
    ("stale_address", 25, "true"),
    ("status_conflict", 60, "status <> '1'"),
    ("bad_check", 4, "true"),
    ("missing_key", 2, "true"),
)


def _stamp(days: str) -> str:
    clock = moment(days, "rk", "updated")
    return f"CASE WHEN kind = 'date_form' THEN left(replace({clock}, '-', '/'), 16) ELSE {clock} END"


def _insured(stretch: Stretch) -> str:
    base = f"""
        SELECT *, d IS NOT NULL AND {chance("rk", "pays on", 60)} AS pays_on,
            CASE WHEN d IS NOT NULL THEN least(d + 20 + {dice("rk", "told", 90)}, {AS_OF} - 1)
                WHEN has_moved THEN greatest(moved + 5, {AS_OF} - 1 - {dice("rk", "touched", 600)})
                ELSE {AS_OF} - 1 - {dice("rk", "touched", 600)} END AS changed
        FROM ({keyed(stretch.people, "rs insured", f"has_insurance AND NOT {chance('h', 'rs absent', 1)}")})"""
    records = dirt.soiled(
        base, INSURED_CHANCES, first="CASE WHEN pays_on THEN 'insured_after_death' END", exact=8, stale=16
    )
    old = "kind IN ('stale_duplicate', 'insured_after_death', 'stale_phone', 'stale_address')"
    changed = f"""CASE WHEN kind = 'stale_address' THEN moved - 60 - {dice("rk", "older", 300)}
        WHEN kind = 'insured_after_death' THEN d - 30 - {dice("rk", "older", 300)}
        WHEN {old} THEN changed - 200 - {dice("rk", "older", 800)} ELSE changed END"""
    number = f"CASE WHEN kind IN ('stale_duplicate', 'stale_phone') THEN {phone('h', 'old phone')} ELSE {dirt.phone('phone')} END"
    home = "CASE WHEN kind IN ('stale_duplicate', 'stale_address') THEN registered_address ELSE current_address END"
    unit = "CASE kind WHEN 'stale_duplicate' THEN '' WHEN 'insured_after_death' THEN last_employer ELSE coalesce(employer_uscc, '') END"
    state = (
        "CASE kind WHEN 'stale_duplicate' THEN '2' WHEN 'insured_after_death' THEN '1' ELSE insured_state END"
    )
    values = cells(
        dirt.number("citizen_id"),
        dirt.name("name"),
        dirt.variant("sex", SEXES),
        number,
        home,
        unit,
        state,
        _stamp(changed),
    )
    return f"SELECT '' AS target, label, {values} FROM ({records}) ORDER BY i, copy"


def _units(stretch: Stretch) -> str:
    base = f"""
        SELECT *, {salted("h", "old home")} AS ho, greatest(founded + 10, {AS_OF} - 1 - {dice("rk", "touched", 900)}) AS changed
        FROM ({keyed(stretch.firms, "rs unit", f"NOT {chance('h', 'unit absent', 20)}")})"""
    records = dirt.soiled(base, UNIT_CHANCES, exact=8, stale=16)
    old = "kind IN ('stale_duplicate', 'stale_address')"
    home = f"CASE WHEN {old} THEN {address('ho')} ELSE address END"
    trade = "CASE WHEN kind = 'code_variant' THEN lower(industry) ELSE industry END"
    status = "CASE WHEN kind = 'status_conflict' THEN '1' ELSE status END"
    changed = _stamp(f"CASE WHEN {old} THEN changed - 200 - {dice('rk', 'older', 800)} ELSE changed END")
    values = cells(
        dirt.number("uscc"), dirt.firm_name("name"), home, "legal_rep_name", trade, status, changed
    )
    return f"SELECT '' AS target, label, {values} FROM ({records}) ORDER BY j, copy"


def _insured_table(root: Path) -> Writer:
    return TableFile(root, "rs/shebao.db", "insured", INSURED, index="aae036")


def _unit_table(root: Path) -> Writer:
    return TableFile(root, "rs/shebao.db", "unit", UNIT, index="aae036")


FEEDS = (
    Feed("rs.insured", "people", _insured, _insured_table),
    Feed("rs.unit", "firms", _units, _unit_table),
)
