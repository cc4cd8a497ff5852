"""The firms: each decided from its number ``j`` and the seed; only the legal representative is looked up."""

from __future__ import annotations

from cityloom.sample import words
from cityloom.sample.draw import (
    address,
    base31,
    chance,
    dice,
    division,
    iso_day,
    org_check,
    pick,
    salted,
    texts,
    uscc_check,
)
from cityloom.sample.people import AS_OF

LEGAL_PERSON = (
    "uscc, name, legal_rep_name, legal_rep_id, address, division, status, founded_date, industry, capital_cny"
)
"""Columns of the truth about firms."""

_CAPITALS = ["100000", "300000", "500000", "1000000", "2000000", "5000000", "10000000", "50000000"]


def numbers(firms: int, people: int, seed: int) -> str:
    """One row a firm: ``j``, its key ``h``, key of its address ``ha``, ``uscc`` (GB 32100), ``status``, day
    ``founded``, ``trade`` and ``boss``, the number of the person who represents it."""
    base = f"""
        SELECT *, {salted("h", "home")} AS ha, 'MA' || {base31(f"((j * 15485863 + {seed % 1_000_003}) % {31**6})", 6)} AS f8
        FROM (SELECT range AS j, hash(range, {seed + 3}) AS h FROM range({firms}))"""
    body = f"SELECT *, '91' || {division('ha')} || f8 || {org_check('f8')} AS f17 FROM ({base})"
    adult = f"[2, 3, 6, 9][1 + {dice('h', 'boss slot', 4)}]"
    return f"""
        SELECT j, h, ha, f17 || {uscc_check("f17")} AS uscc,
            CASE WHEN {chance("h", "open", 880)} THEN '1' WHEN {chance("h", "revoked", 250)} THEN '3' ELSE '2' END AS status,
            {AS_OF} - 60 - {dice("h", "founded", 9000)} AS founded, 1 + {dice("h", "trade", len(words.FIRM_TRADES))} AS trade,
            CAST({salted("h", "boss")} % {people // 10} AS BIGINT) * 10 + {adult} AS boss
        FROM ({body})"""


def _name() -> str:
    third = f"CASE WHEN {chance('h', 'long', 500)} THEN {pick('h', 'brand 3', words.FIRM_BRANDS)} ELSE '' END"
    form = pick("h", "form", ["有限公司", "有限公司", "有限公司", "有限责任公司", "股份有限公司"])
    place = pick("h", "place", ["云澜市", "云澜市", "云澜", "云澜（集团）"])
    return (
        f"{place} || {pick('h', 'brand 1', words.FIRM_BRANDS)} || {pick('h', 'brand 2', words.FIRM_BRANDS)} || {third} || "
        f"{texts([t[1] for t in words.FIRM_TRADES])}[trade] || {form}"
    )


def register(firms: str, population: str) -> str:
    """One row a firm: the truth and what the sources are made from.

    Args:
        firms: relation of ``numbers``.
        population: relation with ``i, citizen_id, name`` of everyone.
    """
    return f"""
        SELECT j, h, ha, founded, uscc, {_name()} AS name, legal_rep_name, legal_rep_id,
            {address("ha")} AS address, {division("ha")} AS division, status, {iso_day("founded")} AS founded_date,
            {texts([t[0] for t in words.FIRM_TRADES])}[trade] AS industry,
            CAST({pick("h", "capital", _CAPITALS)} AS BIGINT) AS capital_cny
        FROM (SELECT f.*, p.name AS legal_rep_name, p.citizen_id AS legal_rep_id
            FROM {firms} AS f JOIN {population} AS p ON p.i = f.boss) ORDER BY j"""
