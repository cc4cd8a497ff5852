"""The dirt: how records of departments differ from the truth, each kind by name.

A record has at most one kind. Queries here work on columns ``rk`` (the record's key), ``kind`` (what is wrong
with its content) and ``copy`` (0 the record, 1 an exact, 2 a stale, 3 a near duplicate of it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cityloom.sample.draw import chance, dice, full_width, pick

KINDS = {
    "exact_duplicate": "the same record again",
    "stale_duplicate": "an older version of a record, with an older change date",
    "near_duplicate": "the same record with a stray blank in the name",
    "missing_key": "identity number or credit code blank",
    "bad_check": "wrong check character",
    "id_15": "identity number of 15 digits, of people born before 1985",
    "lower_x": "check character x in lower case",
    "full_width": "full-width digits and letters",
    "stray_space": "blanks or U+3000 in or around the name or the number",
    "code_variant": "another word or code for the same meaning",
    "date_form": "a date written in another form than the file's own",
    "impossible_date": "a date that is not in the calendar",
    "stale_address": "an address left long ago, with an older change date where there is one",
    "stale_phone": "a number no longer used",
    "phone_form": "a phone number with separators or country code",
    "name_typo": "a wrong character in the name, in sources that do not lead it",
    "name_blank": "no name, in sources that do not lead it",
    "name_form": "brackets of a firm's name in the other width",
    "alive_after_death": "公安 has someone as 正常 whom the death register has",
    "insured_after_death": "人社 has someone as paying in who has died",
    "status_conflict": "税务 or 人社 has a closed firm as trading",
    "absurd_area": "a floor area that is negative, zero or far too large",
    "amount_form": "an amount with another unit",
}
"""What each kind means."""

Chances = Sequence[tuple[str, float, str]]
"""Kinds with their share in a thousand records and the condition they need ("true" for none)."""

BEFORE_1985 = "b < 5479"


def kind_of(chances: Chances) -> str:
    """The kind of a record, or NULL: one throw decides among all chances."""
    throw, reached, whens = dice("rk", "kind", 1_000_000), 0.0, ""
    for name, permille, condition in chances:
        start, reached = reached, reached + permille
        low, high = round(start * 1000), round(reached * 1000)
        whens += f" WHEN {throw} BETWEEN {low} AND {high - 1} AND ({condition}) THEN '{name}'"
    return f"CASE{whens} END"


def soiled(
    records: str,
    chances: Chances,
    *,
    first: str = "NULL",
    can_age: str = "true",
    exact: float = 8,
    stale: float = 12,
) -> str:
    """Records with ``kind``, ``copy`` and ``label`` (the kind to count), some of them more than once.

    Args:
        records: query with ``rk`` and what the chances' conditions need.
        chances: kinds of this feed.
        first: SQL of a kind that goes before all others, or NULL.
        can_age: condition on which an older version may exist.
        exact: exact duplicates in a thousand records.
        stale: older versions in a thousand records.
    """
    copies = (
        f"CASE WHEN {chance('rk', 'exact', exact)} THEN [0, 1] WHEN {chance('rk', 'stale', stale)} AND ({can_age}) THEN [0, 2] "
        f"WHEN {chance('rk', 'near', 4)} THEN [0, 3] ELSE [0] END"
    )
    named = (
        f"SELECT *, coalesce({first}, {kind_of(chances)}) AS own, unnest({copies}) AS copy FROM ({records})"
    )
    kind = "CASE copy WHEN 2 THEN 'stale_duplicate' WHEN 3 THEN 'near_duplicate' ELSE own END"
    return f"SELECT *, {kind} AS kind, CASE copy WHEN 1 THEN 'exact_duplicate' ELSE {kind} END AS label FROM ({named})"


def number(value: str) -> str:
    """An identity number or credit code with its dirt."""
    check = f"left({value}, length({value}) - 1) || substr('1234567890', 1 + CAST(strpos('0123456789', right({value}, 1)) + 9 AS INTEGER) % 10, 1)"
    return (
        f"CASE kind WHEN 'missing_key' THEN '' WHEN 'bad_check' THEN {check} WHEN 'lower_x' THEN lower({value}) "
        f"WHEN 'id_15' THEN left({value}, 6) || substr({value}, 9, 9) WHEN 'full_width' THEN {full_width(value)} "
        f"WHEN 'stray_space' THEN CASE WHEN {chance('rk', 'side', 500)} THEN {value} || ' ' ELSE {value} END ELSE {value} END"
    )


def name(value: str) -> str:
    """A name with its dirt."""
    blank = f"CASE {dice('rk', 'blank', 3)} WHEN 0 THEN {value} || '　' WHEN 1 THEN ' ' || {value} ELSE left({value}, 1) || ' ' || substr({value}, 2) END"
    typo = f"left({value}, length({value}) - 1) || {pick('rk', 'typo', ['付', '候', '园', '洁', '晓', '旦', '己', '末'])}"
    return (
        f"CASE kind WHEN 'stray_space' THEN {blank} WHEN 'near_duplicate' THEN {value} || ' ' WHEN 'name_typo' THEN {typo} "
        f"WHEN 'name_blank' THEN '' WHEN 'name_form' THEN replace(replace({value}, '（', '('), '）', ')') ELSE {value} END"
    )


def firm_name(value: str) -> str:
    """A firm's name with its dirt: blanks go around it only."""
    return (
        f"CASE kind WHEN 'stray_space' THEN {value} || '　' WHEN 'near_duplicate' THEN ' ' || {value} "
        f"WHEN 'name_blank' THEN '' WHEN 'name_form' THEN replace(replace({value}, '（', '('), '）', ')') ELSE {value} END"
    )


_FORMS = {"iso": "%Y-%m-%d", "compact": "%Y%m%d", "slash": "%Y/%-m/%-d", "han": "%Y年%-m月%-d日"}


def date(days: str, form: str = "iso") -> str:
    """A date (a number of days since 1970-01-01) in the file's own form, in another one if soiled so."""
    value = f"(DATE '1970-01-01' + CAST({days} AS INTEGER))"
    others = [f for n, f in _FORMS.items() if n != form]
    cases = " ".join(f"WHEN {n} THEN strftime({value}, '{f}')" for n, f in enumerate(others))
    own = f"strftime({value}, '{_FORMS[form]}')"
    return (
        f"CASE WHEN kind = 'date_form' THEN CASE {dice('rk', 'form', len(others))} {cases} END ELSE {own} END"
    )


def phone(value: str) -> str:
    """A mobile number with its dirt."""
    dashed = f"left({value}, 3) || '-' || substr({value}, 4, 4) || '-' || right({value}, 4)"
    spaced = f"left({value}, 3) || ' ' || substr({value}, 4, 4) || ' ' || right({value}, 4)"
    return (
        f"CASE WHEN kind = 'phone_form' THEN CASE {dice('rk', 'form', 4)} WHEN 0 THEN {dashed} WHEN 1 THEN {spaced} "
        f"WHEN 2 THEN '+86' || {value} ELSE '86-' || {value} END WHEN kind = 'full_width' THEN {full_width(value)} ELSE {value} END"
    )


def variant(value: str, variants: Mapping[str, Sequence[str]]) -> str:
    """A code's word: the first of its variants, another one if soiled by ``code_variant``."""
    own = " ".join(f"WHEN '{code}' THEN '{words[0]}'" for code, words in variants.items())
    other = " ".join(
        f"WHEN '{code}' THEN {pick('rk', 'variant', words[1:])}" for code, words in variants.items()
    )
    return f"CASE WHEN kind = 'code_variant' THEN CASE {value} {other} END ELSE CASE {value} {own} END END"


def quoted(value: str) -> str:
    """A field of a comma separated line in quotation marks."""
    return f"""'"' || replace(coalesce({value}, ''), '"', '""') || '"'"""
