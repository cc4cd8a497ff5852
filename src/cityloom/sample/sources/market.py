"""市场监管: the register of firms, XML files in ZIP archives; and 税务: taxpayers, UTF-16 with tabs."""

from __future__ import annotations

from pathlib import Path

from cityloom.sample import dirt
from cityloom.sample.draw import address, chance, dice, full_width, salted
from cityloom.sample.people import AS_OF
from cityloom.sample.sources.feed import Feed, Stretch, keyed
from cityloom.sample.writers import LineFiles, Writer

TAXPAYER_HEADER = "纳税人识别号\t纳税人名称\t注册地址\t法定代表人\t状态\t登记日期"
STATUSES = {
    "1": ("存续", "在营", "开业", "存续（在营、开业、在册）"),
    "2": ("注销", "已注销"),
    "3": ("吊销", "吊销，未注销"),
}

FIRM_CHANCES: dirt.Chances = (
    ("status_variant", 36, "true"),
    ("trade_variant", 15, "true"),
    ("amount_form", 34, "true"),
    ("date_form", 35, "true"),
    ("full_width", 12, "true"),
    ("stray_space", 24, "true"),
    ("bad_check", 1.5, "true"),
    ("missing_key", 0.8, "true"),
)
TAX_CHANCES: dirt.Chances = (
    ("name_form", 120, "contains(name, '（')"),
    ("date_form", 34, "true"),
    ("stray_space", 24, "true"),
    ("full_width", 15, "true"),
    ("code_variant", 35, "true"),
    ("stale_address", 25, "true"),
    ("status_conflict", 60, "status <> '1'"),
    ("name_blank", 4, "true"),
    ("bad_check", 4, "true"),
    ("missing_key", 3, "true"),
)


def _amount() -> str:
    own = "CASE WHEN h % 4 = 0 THEN CAST(capital_cny AS VARCHAR) ELSE CAST(capital_cny // 10000 AS VARCHAR) || '万元' END"
    forms = (
        f"CASE {dice('rk', 'form', 3)} WHEN 0 THEN CAST(capital_cny // 10000 AS VARCHAR) || '.00万人民币' "
        f"WHEN 1 THEN {full_width('CAST(capital_cny // 10000 AS VARCHAR)')} || '万元' ELSE CAST(capital_cny AS VARCHAR) || '元' END"
    )
    return f"CASE WHEN kind = 'amount_form' THEN {forms} ELSE {own} END"


def _element(tag: str, value: str) -> str:
    return f"'<{tag}>' || {value} || '</{tag}>'"


def _firms(stretch: Stretch) -> str:
    base = f"""
        SELECT *, {salted("h", "old home")} AS ho, greatest(founded + 2, {AS_OF} - 1 - {dice("rk", "touched", 2500)}) AS changed
        FROM ({keyed(stretch.firms, "sj", f"NOT {chance('h', 'sj absent', 0.8)}")})"""
    records = dirt.soiled(base, FIRM_CHANCES, can_age="changed - 45 > founded", exact=8, stale=14)
    is_old = "kind = 'stale_duplicate'"
    home = f"CASE WHEN {is_old} THEN {address('ho')} WHEN kind = 'full_width' THEN {full_width('address')} ELSE address END"
    status = dirt.variant("status", STATUSES).replace("'code_variant'", "'status_variant'")
    changed = f"CAST(DATE '1970-01-01' + CAST(CASE WHEN {is_old} THEN greatest(founded + 1, changed - 40 - {dice('rk', 'older', 900)}) ELSE changed END AS INTEGER) AS VARCHAR)"
    trade = "CASE WHEN kind = 'trade_variant' THEN left(industry, 1) || '-' || substr(industry, 2) ELSE industry END"
    person = f"{_element('name', 'legal_rep_name')} || {_element('idNo', 'legal_rep_id')}"
    parts = [
        _element("uscc", dirt.number("uscc")), _element("name", dirt.firm_name("name")), _element("legalRep", person),
        _element("address", home), _element("division", "division"), _element("status", f"CASE WHEN {is_old} THEN '存续' ELSE {status} END"),
        _element("founded", dirt.date("founded")), _element("industry", trade), _element("capital", _amount()), _element("updated", changed),
    ]  # fmt: skip
    label = "CASE WHEN label IN ('status_variant', 'trade_variant') THEN 'code_variant' ELSE label END"
    line = f"'<firm>' || {' || '.join(parts)} || '</firm>'"
    return f"SELECT '' AS target, {label} AS label, {line} AS line FROM ({records}) ORDER BY j, copy"


def _taxpayers(stretch: Stretch) -> str:
    base = f"""
        SELECT *, {salted("h", "old home")} AS ho, founded + 5 + {dice("rk", "listed", 50)} AS listed
        FROM ({keyed(stretch.firms, "sw", f"NOT {chance('h', 'sw absent', 30)}")})"""
    records = dirt.soiled(base, TAX_CHANCES, can_age="false", exact=14)
    home = f"CASE WHEN kind = 'stale_address' THEN {address('ho')} ELSE address END"
    words = {"1": ("正常", "正常户", "01"), "2": ("注销", "注销户", "07"), "3": ("非正常", "非正常户", "05")}
    status = f"CASE WHEN kind = 'status_conflict' THEN '正常' ELSE {dirt.variant('status', words)} END"
    fields = [
        dirt.number("uscc"),
        dirt.firm_name("name"),
        home,
        "legal_rep_name",
        status,
        dirt.date("listed"),
    ]
    line = f"concat_ws(chr(9), {', '.join(fields)})"
    return f"SELECT '' AS target, label, {line} AS line FROM ({records}) ORDER BY j, copy"


def _archives(root: Path) -> Writer:
    return LineFiles(
        root, "sj/firms_{part}.zip", '<?xml version="1.0" encoding="UTF-8"?>\n<firms date="2026-01-01">',
        limit=100_000, inner="firms_{part}.xml", closing="</firms>",
    )  # fmt: skip


def _taxpayer_files(root: Path) -> Writer:
    return LineFiles(
        root, "sw/taxpayers_{part}.csv", TAXPAYER_HEADER, "utf-16-le", has_bom=True, newline="\r\n"
    )


FEEDS = (
    Feed("sj.firms", "firms", _firms, _archives),
    Feed("sw.taxpayers", "firms", _taxpayers, _taxpayer_files),
)
