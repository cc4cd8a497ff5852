"""住建: the register of houses, semicolon separated UTF-8 with a byte order mark."""

from __future__ import annotations

from pathlib import Path

from cityloom.sample import dirt
from cityloom.sample.draw import address, chance, dice, salted
from cityloom.sample.people import AS_OF
from cityloom.sample.sources.feed import Feed, Stretch, keyed
from cityloom.sample.writers import LineFiles, Writer

HEADER = "房屋编码;产权证号;权利人;证件号码;坐落;建筑面积;登记日期;是否自住"
OWN_USE = {"1": ("是", "Y", "1", "自住"), "0": ("否", "N", "0", "出租")}

CHANCES: dirt.Chances = (
    ("code_variant", 36, "true"),
    ("date_form", 32, "true"),
    ("absurd_area", 10, "true"),
    ("full_width", 12, "true"),
    ("stray_space", 20, "true"),
    ("lower_x", 40, "right(citizen_id, 1) = 'X'"),
    ("id_15", 25, dirt.BEFORE_1985),
    ("name_typo", 8, "true"),
    ("bad_check", 4, "true"),
    ("missing_key", 8, "true"),
    ("stale_address", 80, "has_moved AND own_use = '1'"),
)


def _records(stretch: Stretch) -> str:
    owners = keyed(stretch.people, "zj", f"slot IN (0, 2, 6, 9) AND d IS NULL AND {chance('h', 'owns', 600)}")
    houses = (
        f"unnest(CASE WHEN {chance('rk', 'second house', 120)} THEN ['1', '0'] ELSE ['1'] END) AS own_use"
    )
    base = f"""
        SELECT * REPLACE (hash(xor(rk, CASE own_use WHEN '1' THEN 1 ELSE 2 END::UBIGINT)) AS rk),
            {salted("h", "second house")} AS ho,
            CASE WHEN own_use = '1' AND has_moved THEN least(moved + 5 + {dice("rk", "listed", 30)}, {AS_OF} - 1)
                ELSE greatest(b + 6600, {AS_OF} - 100 - {dice("rk", "listed", 6000)}) END AS listed
        FROM (SELECT *, {houses} FROM ({owners}))"""
    return dirt.soiled(base, CHANCES, can_age="false", exact=12)


def _query(stretch: Stretch) -> str:
    number = "'H' || registered_division || lpad(CAST(i * 2 + CAST(own_use AS INTEGER) AS VARCHAR), 11, '0')"
    year = "strftime(DATE '1970-01-01' + CAST(listed AS INTEGER), '%Y')"
    deed = f"'云（' || {year} || '）云澜市不动产权第' || lpad(CAST(i * 2 + CAST(own_use AS INTEGER) AS VARCHAR), 9, '0') || '号'"
    home = f"CASE WHEN own_use = '0' THEN {address('ho')} WHEN kind = 'stale_address' THEN registered_address ELSE current_address END"
    size = f"CAST(4500 + {dice('rk', 'area', 11000)} AS DECIMAL(9, 0))"
    area = f"printf('%.2f', {size} / 100.0)"
    absurd = f"CASE {dice('rk', 'absurd', 3)} WHEN 0 THEN '-' || {area} WHEN 1 THEN '0' ELSE '99999.99' END"
    listed = (
        f"CASE WHEN kind = 'stale_address' THEN listed - 400 - {dice('rk', 'older', 900)} ELSE listed END"
    )
    fields = [
        number, deed, dirt.name("name"), dirt.number("citizen_id"), home,
        f"CASE WHEN kind = 'absurd_area' THEN {absurd} ELSE {area} END", dirt.date(listed), dirt.variant("own_use", OWN_USE),
    ]  # fmt: skip
    line = f"concat_ws(';', {', '.join(fields)})"
    return f"SELECT '' AS target, label, {line} AS line FROM ({_records(stretch)}) ORDER BY i, own_use DESC, copy"


def _writer(root: Path) -> Writer:
    return LineFiles(root, "zj/fangwu_{part}.csv", HEADER, has_bom=True)


FEEDS = (Feed("zj.houses", "people", _query, _writer),)
