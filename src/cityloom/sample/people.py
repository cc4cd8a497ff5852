"""The people: clans of ten whose births, deaths and marriages fit together, each decided from its number.

A clan is: 0 and 1 the grandparents, 2 their child with partner 3, 4 and 5 the children of those, 6 and 7
another couple with child 8, and 9 someone alone. As everything follows from the clan's number and the seed,
any stretch of the population can be computed by itself: memory does not grow with the city.

Days are whole numbers since 1970-01-01; ``AS_OF`` is the city's present day.
"""

from __future__ import annotations

from cityloom.sample import words
from cityloom.sample.draw import (
    address,
    chance,
    citizen_id,
    dice,
    division,
    iso_day,
    lookup,
    pick,
    salted,
    span,
    texts,
)
from cityloom.sample.places import BIRTHPLACES

CLAN = 10
AS_OF = 20454
"""2026-01-01."""
_YEAR = 365
_DEATHS_FROM = 15340
"""2012-01-01: who died earlier is no longer in the register."""

POPULATION = (
    "citizen_id, name, sex, birth_date, people_code, registered_address, registered_division, current_address, "
    "phone, marital_state, spouse_id, living, death_date, employer_uscc, insured_state"
)
"""Columns of the truth about people."""


def clans(first: int, last: int, people: int, seed: int) -> str:
    """One row a clan: birth days ``b0..b9``, death days ``d0..d9``, weddings ``m1..m4``, divorces ``v1..v3``,
    second weddings of the same two ``w2, w3``; ``x4`` is the member that number 9 married."""
    births = f"SELECT *, {_later_births()} FROM ({_first_births(first, last, people, seed)})"
    deaths = f"SELECT *, {', '.join(_death(n) for n in range(CLAN))} FROM ({births})"
    weddings = f"SELECT *, {_wedding(1, 0, 1, 970)}, {_wedding(2, 2, 3, 940)}, {_wedding(3, 6, 7, 840)} FROM ({deaths})"
    partings = f"SELECT *, {_divorce(1, 0, 1, 50)}, {_divorce(2, 2, 3, 170)}, {_divorce(3, 6, 7, 130)} FROM ({weddings})"
    again = f"SELECT *, {_again(2, 2, 3)}, {_again(3, 6, 7)}, {_partner()} FROM ({partings})"
    return f"SELECT *, {_last_wedding()} FROM ({again})"


def _first_births(first: int, last: int, people: int, seed: int) -> str:
    return f"""
        SELECT c, hc, cut, s4, s5, s8, s9, b2, b0, b7, b9,
            b0 - 730 + {dice("hc", "b1", 4 * _YEAR)} AS b1,
            b2 - 1095 + {dice("hc", "b3", 7 * _YEAR)} AS b3,
            b7 - 1460 + {dice("hc", "b6", 6 * _YEAR)} AS b6
        FROM (SELECT *, b2 - {22 * _YEAR} - {dice("hc", "b0", 10 * _YEAR)} AS b0 FROM (
            SELECT range AS c, hash(range, {seed}) AS hc, least({CLAN}, {people} - range * {CLAN}) AS cut,
                1 + {dice("hc", "s4", 2)} AS s4, 1 + {dice("hc", "s5", 2)} AS s5,
                1 + {dice("hc", "s8", 2)} AS s8, 1 + {dice("hc", "s9", 2)} AS s9,
                {AS_OF} - {30 * _YEAR} - {dice("hc", "b2", 32 * _YEAR)} AS b2,
                {AS_OF} - {23 * _YEAR} - {dice("hc", "b7", 36 * _YEAR)} AS b7,
                {AS_OF} - {19 * _YEAR} - {dice("hc", "b9", 66 * _YEAR)} AS b9
            FROM range({first}, {last})))"""


def _later_births() -> str:
    def child(mother: str, salt: str) -> str:
        room = f"least({AS_OF} - 1 - {mother} - 7310, {16 * _YEAR})"
        return f"{mother} + 7310 + {span('hc', salt, room)}"

    second = f"b4 + 500 + {dice('hc', 'b5', 1500)}"
    return f"{child('b3', 'b4')} AS b4, CASE WHEN {second} < {AS_OF} THEN {second} ELSE b4 END AS b5, {child('b7', 'b8')} AS b8"


def _death(n: int) -> str:
    youngest = {2: "greatest(b4, b5)", 3: "greatest(b4, b5)", 6: "b8", 7: "b8"}.get(n, f"b{n}")
    floor = f"greatest({_DEATHS_FROM}, {youngest} + 30)"
    age = f"({AS_OF} - b{n}) // 365"
    risk = f"CASE WHEN {age} >= 85 THEN 400 WHEN {age} >= 70 THEN 150 WHEN {age} >= 50 THEN 40 WHEN {age} >= 18 THEN 6 ELSE 1 END"
    day = f"{floor} + {span('hc', f'd{n}', f'greatest(1, {AS_OF} - 2 - {floor})')}"
    return (
        f"CASE WHEN {AS_OF} - 3 > {floor} AND {dice('hc', f'dies{n}', 1000)} < {risk} THEN {day} END AS d{n}"
    )


def _end(man: int, woman: int) -> str:
    return f"least(coalesce(d{man}, {AS_OF}), coalesce(d{woman}, {AS_OF}))"


def _wedding(n: int, man: int, woman: int, permille: int) -> str:
    day = f"greatest(b{man} + 8036, b{woman} + 7306) + {dice('hc', f'm{n}', 1700)}"
    return f"CASE WHEN cut > {woman} AND {chance('hc', f'weds{n}', permille)} AND {day} < {_end(man, woman)} - 1 THEN {day} END AS m{n}"


def _divorce(n: int, man: int, woman: int, permille: int) -> str:
    room = f"{_end(man, woman)} - m{n} - 460"
    day = f"m{n} + 400 + {span('hc', f'v{n}', f'least({room}, 9000)')}"
    return f"CASE WHEN {chance('hc', f'parts{n}', permille)} AND {room} > 300 THEN {day} END AS v{n}"


def _again(n: int, man: int, woman: int) -> str:
    day = f"v{n} + 90 + {dice('hc', f'w{n}', 900)}"
    return f"CASE WHEN {chance('hc', f'again{n}', 130)} AND {day} < {_end(man, woman)} - 1 THEN {day} END AS w{n}"


def _partner() -> str:
    """Who of 2 and 3 may marry 9, their birth and death, and the day the earlier marriage ended."""
    return """CASE s9 WHEN 2 THEN 2 ELSE 3 END AS p4, CASE s9 WHEN 2 THEN b2 ELSE b3 END AS bp,
        CASE s9 WHEN 2 THEN d2 ELSE d3 END AS dp,
        CASE WHEN m2 IS NOT NULL THEN coalesce(v2, CASE s9 WHEN 2 THEN d3 ELSE d2 END) END AS free"""


def _last_wedding() -> str:
    day = f"greatest(free + 300 + {dice('hc', 'm4', 1500)}, b9 + 8036)"
    holds = (
        f"cut = {CLAN} AND free IS NOT NULL AND w2 IS NULL AND abs(b9 - bp) < 8000 AND {chance('hc', 'weds4', 600)} "
        f"AND {day} < least(coalesce(dp, {AS_OF}), coalesce(d9, {AS_OF})) - 1"
    )
    return f"CASE WHEN {holds} THEN {day} END AS m4, CASE WHEN {holds} THEN p4 END AS x4"


def _state(n: int, spouse: str, wed: str, parted: str = "NULL") -> str:
    """Marital state of member ``n`` after the last marriage: GB/T 2261.2."""
    widowed = f"d{spouse} IS NOT NULL AND (d{n} IS NULL OR d{spouse} < d{n})"
    return f"CASE WHEN {wed} IS NULL THEN '10' WHEN {parted} THEN '40' WHEN {widowed} THEN '30' ELSE '20' END"


def _states() -> str:
    parted2, parted3 = "(v2 IS NOT NULL AND w2 IS NULL)", "(v3 IS NOT NULL AND w3 IS NULL)"
    two = f"CASE WHEN x4 = 2 THEN {_state(2, '9', 'm4', 'false')} ELSE {_state(2, '3', 'm2', parted2)} END"
    three = f"CASE WHEN x4 = 3 THEN {_state(3, '9', 'm4', 'false')} ELSE {_state(3, '2', 'm2', parted2)} END"
    nine = f"CASE WHEN x4 = 2 THEN {_state(9, '2', 'm4', 'false')} ELSE {_state(9, '3', 'm4', 'false')} END"
    first, second = _state(0, "1", "m1", "v1 IS NOT NULL"), _state(1, "0", "m1", "v1 IS NOT NULL")
    six, seven = _state(6, "7", "m3", parted3), _state(7, "6", "m3", parted3)
    return f"[{first}, {second}, {two}, {three}, '10', '10', {six}, {seven}, '10', {nine}]"


def _spouses() -> str:
    """The member each is or was last married to, whatever came of it."""
    return "[1, 0, CASE WHEN x4 = 2 THEN 9 ELSE 3 END, CASE WHEN x4 = 3 THEN 9 ELSE 2 END, NULL, NULL, 7, 6, NULL, x4]"


def members(first: int, last: int, people: int, seed: int) -> str:
    """One row a person of the clans ``first..last - 1``: ``i`` its number, ``slot``, ``sex``, birth and death
    day ``b``, ``d``, the keys ``h`` (person), ``hk`` (household), ``hf`` (family), ``place`` of birth."""
    lists = {
        "slot": "range(10)", "b": f"[{', '.join(f'b{n}' for n in range(CLAN))}]", "d": f"[{', '.join(f'd{n}' for n in range(CLAN))}]",
        "sex": "[1, 2, 1, 2, s4, s5, 1, 2, s8, s9]", "state": _states(), "spouse": _spouses(),
    }  # fmt: skip
    flat = ", ".join(f"unnest({e}) AS {n}" for n, e in lists.items())
    return f"""
        SELECT *, CASE WHEN slot IN (0, 2, 4, 5) THEN {salted("hc", "family")}
                WHEN slot IN (6, 8) THEN {salted("hc", "other family")} ELSE {salted("h", "family")} END AS hf,
            hash(xor(hc, CASE WHEN slot < 2 THEN 1 WHEN slot < 6 THEN 2 WHEN slot < 9 THEN 3 ELSE 4 END::UBIGINT)) AS hk,
            {pick("h", "birthplace", BIRTHPLACES)} AS place
        FROM (SELECT *, c * {CLAN} + slot AS i, hash(c * {CLAN} + slot, {seed + 1}) AS h
            FROM (SELECT c, hc, cut, {flat} FROM ({clans(first, last, people, seed)})) WHERE slot < cut)"""


def identities(people: int, seed: int) -> str:
    """``i, citizen_id`` of everyone: odd order numbers are men's, even ones women's."""
    ymd = "CAST(strftime(DATE '1970-01-01' + CAST(b AS INTEGER), '%Y%m%d') AS BIGINT)"
    order = "(2 * row_number() OVER (PARTITION BY place, b, sex ORDER BY i) - CASE sex WHEN 1 THEN 1 ELSE 0 END + 2 * CAST(hash(place, b) % 100 AS INTEGER))"
    body = f"CAST(place AS BIGINT) * 100000000000 + {ymd} * 1000 + {order}"
    inner = f"SELECT i, {body} AS body FROM ({members(0, -(-people // CLAN), people, seed)})"
    return f"SELECT i, {citizen_id('body')} AS citizen_id FROM ({inner}) ORDER BY i"


def _name() -> str:
    male, female = texts(words.MALE), texts(words.FEMALE)

    def given(salt: str) -> str:
        return (
            f"CASE sex WHEN 1 THEN {male}[1 + {dice('h', salt, len(words.MALE))}] "
            f"ELSE {female}[1 + {dice('h', salt, len(words.FEMALE))}] END"
        )

    def own(code: str) -> str:
        men, women = words.ETHNIC_GIVEN[code]
        return f"CASE sex WHEN 1 THEN {pick('h', 'own', men)} ELSE {pick('h', 'own', women)} END"

    two = f"CASE WHEN {chance('h', 'two', 780)} THEN {given('given 2')} ELSE '' END"
    return (
        f"CASE people_code WHEN '05' THEN {own('05')} || '·' || {pick('hf', 'father', words.FATHERS)} "
        f"WHEN '04' THEN {own('04')} || {pick('h', 'second', words.TIBETAN_SECOND)} "
        f"ELSE {pick('hf', 'surname', words.SURNAMES)} || {given('given 1')} || {two} END"
    )


def population(first: int, last: int, *, people: int, firms: int, seed: int, ids: str, codes: str) -> str:
    """One row a person with all truth of it, and what the sources are made from.

    Args:
        first: first clan.
        last: one past the last clan.
        people: people of the city.
        firms: firms of the city.
        seed: what chance follows from.
        ids: relation of ``i, citizen_id``.
        codes: relation of firms, ``j, uscc, status``.
    """
    home = f"""
        SELECT *, {salted("hk", "home")} AS ha, {pick("hf", "people", words.PEOPLES)} AS people_code,
            ({AS_OF} - b) // 365 AS age,
            d IS NULL AND ({chance("hk", "moved together", 150)} OR (slot IN (2, 3, 6, 7, 9) AND {chance("h", "moved", 80)})) AS has_moved,
            CASE WHEN ({AS_OF} - b) // 365 BETWEEN 18 AND 85 THEN {chance("h", "insured", 700)} ELSE false END AS has_insurance,
            CAST({firms} * pow({dice("h", "employer", 1_000_000)} / 1000000.0, 2) AS BIGINT) % {firms} AS j
        FROM ({members(first, last, people, seed)})"""
    work = f"""
        SELECT *, CASE WHEN NOT has_insurance THEN NULL WHEN d IS NOT NULL THEN '3' WHEN age >= 60 THEN '4'
                WHEN {chance("h", "paused", 60)} OR status <> '1' THEN '2' ELSE '1' END AS insured_state,
            {AS_OF} - 40 - {dice("h", "moved on", 2500)} AS moved,
            CASE WHEN {chance("hk", "moved together", 150)} THEN {salted("hk", "new home")} ELSE {salted("h", "new home")} END AS hn,
            has_insurance OR (d IS NULL AND age >= 12 AND {chance("h", "has phone", 700)}) AS has_phone
        FROM ({home}) AS m JOIN (SELECT j AS kj, uscc, status FROM {codes}) AS k ON kj = j"""
    own = f"(SELECT i, citizen_id FROM {ids} WHERE i >= {first * CLAN} AND i < {last * CLAN})"
    return f"""
        SELECT w.i, w.c, w.slot, w.h, w.hk, w.ha, w.b, w.d, w.age, w.moved, w.has_moved, w.has_insurance,
            a.citizen_id, {_name()} AS name, CAST(sex AS VARCHAR) AS sex, {iso_day("b")} AS birth_date, people_code,
            {address("ha")} AS registered_address, {division("ha")} AS registered_division,
            CASE WHEN has_moved THEN {address("hn")} ELSE {address("ha")} END AS current_address,
            CASE WHEN has_phone THEN {phone("h")} END AS phone,
            state AS marital_state, s.citizen_id AS spouse_id,
            CASE WHEN d IS NULL THEN '1' ELSE '0' END AS living, {iso_day("d")} AS death_date,
            CASE WHEN insured_state = '1' THEN uscc END AS employer_uscc, uscc AS last_employer,
            insured_state
        FROM ({work}) AS w JOIN {own} AS a ON a.i = w.i
        LEFT JOIN {own} AS s ON s.i = w.c * {CLAN} + w.spouse AND w.state = '20' AND w.d IS NULL ORDER BY w.i"""


def phone(key: str, salt: str = "phone") -> str:
    """A mobile number of eleven digits."""
    prefixes = [
        "130",
        "135",
        "136",
        "138",
        "139",
        "150",
        "152",
        "158",
        "177",
        "180",
        "186",
        "189",
        "191",
        "199",
    ]
    return f"({pick(key, salt, prefixes)} || lpad(CAST({dice(key, salt + ' number', 100_000_000)} AS VARCHAR), 8, '0'))"


def people_name(code: str) -> str:
    """The Chinese name of a people from its code."""
    return lookup(code, words.PEOPLE_NAMES)


def events(first: int, last: int, people: int, seed: int) -> str:
    """One row an event of a marriage: ``e`` its number, ``kind`` (结婚, 离婚, 复婚), ``day``, numbers of ``man`` and ``woman``."""
    kinds = ["结婚", "离婚", "结婚", "离婚", "复婚", "结婚", "离婚", "复婚", "结婚"]
    days = "[m1, v1, m2, v2, w2, m3, v3, w3, m4]"
    men = "[0, 0, 2, 2, 2, 6, 6, 6, CASE WHEN x4 = 2 THEN 2 ELSE 9 END]"
    women = "[1, 1, 3, 3, 3, 7, 7, 7, CASE WHEN x4 = 2 THEN 9 ELSE 3 END]"
    flat = f"unnest(range(9)) AS n, unnest({texts(kinds)}) AS kind, unnest({days}) AS day, unnest({men}) AS m, unnest({women}) AS w"
    return f"""
        SELECT c * 10 + n AS e, kind, day, c * {CLAN} + m AS man, c * {CLAN} + w AS woman, hash(c * 10 + n, {seed + 2}) AS h
        FROM (SELECT c, {flat} FROM ({clans(first, last, people, seed)})) WHERE day IS NOT NULL"""
