"""A table of citizens with 15-20 % dirt, made by one query, and the rules that everybody checks it by.

Plain data without any library: the peers import it in environments of their own. A rule is its kind, its columns
and its options, as the platform names them; ``predicate`` is what a good row fulfils, in SQL, for peers that take SQL.
"""

from __future__ import annotations

from typing import Any

COLUMNS = (
    *("citizen_id", "name", "sex", "birth_date", "phone", "address", "people_code", "income"),
    *("division", "changed_date", "record_no"),
)
PEOPLE = tuple(f"{n:02}" for n in range(1, 57))
DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
TODAY = "2026-11-21"
Rule = tuple[str, tuple[str, ...], dict[str, Any]]


def _rule(kind: str, /, *columns: str, **options: Any) -> Rule:
    return kind, columns, options


RULES: tuple[Rule, ...] = (
    _rule("missing", "citizen_id"),
    _rule("format", "citizen_id", pattern="[1-9][0-9]{16}[0-9X]"),
    _rule("code", "sex", codes=("0", "1", "2", "9")),
    _rule("length", "name", least=2, most=50),
    _rule("date_range", "birth_date", first="1900-01-01"),
    _rule("consistent", "citizen_id", "birth_date", kind="birth_date"),
    _rule("format", "phone", pattern="1[3-9][0-9]{9}"),
    _rule("length", "address", least=5, most=200),
    _rule("code", "people_code", codes=PEOPLE),
    _rule("duplicate", "record_no"),
    _rule("missing", "name"),
    _rule("missing", "sex"),
    _rule("missing", "birth_date"),
    _rule("missing", "address"),
    _rule("missing", "record_no"),
    _rule("format", "birth_date", pattern=DAY),
    _rule("format", "division", pattern="[1-9][0-9]{5}(?:[0-9]{3}(?:[0-9]{3})?)?"),
    _rule("format", "record_no", pattern="[0-9a-f]{32}"),
    _rule("number_range", "income", least=0, most=1_000_000),
    _rule("date_range", "changed_date", first="2000-01-01"),
)
"""Twenty, those on different columns first."""
MORE: tuple[Rule, ...] = (
    _rule("coding_rule", "citizen_id", kind="citizen_id"),
    _rule("consistent", "citizen_id", "sex", kind="sex"),
    _rule("length", "citizen_id", least=18, most=18),
    _rule("characters", "name"),
    _rule("characters", "address"),
    _rule("length", "phone", least=11, most=11),
    _rule("length", "record_no", least=32, most=32),
    _rule("length", "division", least=9, most=9),
    _rule("coding_rule", "phone", kind="phone"),
    _rule("coding_rule", "division", kind="division"),
    *(_rule("missing", name) for name in ("phone", "people_code", "income", "division", "changed_date")),
    _rule("order", "birth_date", "changed_date"),
    _rule("format", "changed_date", pattern=DAY),
    _rule("format", "people_code", pattern="[0-9]{2}"),
    _rule("format", "sex", pattern="[0-9]"),
    _rule("number_range", "people_code", least=1, most=56),
)
"""Twenty more on the same columns."""


def name_of(rule: Rule) -> str:
    """The name that the platform gives a rule."""
    return f"{'+'.join(rule[1])}.{rule[0]}"


def predicate(rule: Rule) -> str:
    """What a row fulfils that keeps the rule, in DuckDB's SQL; of rules on rows."""
    kind, columns, options = rule
    x = columns[0]
    if kind == "missing":
        return f"{x} IS NOT NULL"
    listed = ", ".join(f"'{code}'" for code in options.get("codes", ()))
    texts = {
        "format": f"regexp_matches({x}, '^(?:{options.get('pattern')})\\z')",
        "code": f"{x} IN ({listed})",
        "length": f"length({x}) BETWEEN {options.get('least')} AND {options.get('most')}",
        "number_range": f"TRY_CAST({x} AS DOUBLE) BETWEEN {options.get('least')} AND {options.get('most')}",
        "date_range": f"(regexp_matches({x}, '^{DAY}\\z') AND {x} BETWEEN '{options.get('first')}' AND '{TODAY}')",
        "consistent": f"(birth_date IS NULL OR NOT regexp_matches({x}, '^[1-9][0-9]{{16}}[0-9X]\\z')"
        f" OR replace(birth_date, '-', '') = substr({x}, 7, 8))",
    }
    return f"({x} IS NULL OR {texts[kind]})"


_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = " + ".join(f"(CAST(s17 AS BIGINT) // {10 ** (16 - i)}) % 10 * {w}" for i, w in enumerate(_WEIGHTS))


def citizens(rows: int) -> str:
    """The query that makes the table, with ``_batch`` (ten of them) and ``_row``; the same rows at every call."""
    shares = ", ".join(f"({'h' if n < 4 else 'g'} >> {10 * (n % 4) + 5}) % 100 AS p{n}" for n in range(8))
    return f"""
    WITH base AS (
      SELECT i, CAST(hash(i) >> 1 AS BIGINT) AS h, CAST(hash(i + 1000000007) >> 1 AS BIGINT) AS g,
        DATE '1935-01-01' + CAST(hash(i * 3) % 32000 AS INTEGER) AS b FROM range({rows}) AS t(i)),
    made AS (
      SELECT *, strftime(b, '%Y-%m-%d') AS bd, '5101' || lpad(CAST(h % 20 + 1 AS VARCHAR), 2, '0') AS dv, {shares},
        dv || strftime(b, '%Y%m%d') || lpad(CAST(i % 1000 AS VARCHAR), 3, '0') AS s17 FROM base)
    SELECT 'b' || lpad(CAST(i * 10 // {rows} AS VARCHAR), 4, '0') AS _batch, i AS _row,
      CASE WHEN p0 < 1 THEN NULL WHEN p0 < 2 THEN s17 WHEN p0 < 3 THEN lower(s17 || 'x') WHEN p0 < 4
        THEN dv || '190001010011' ELSE s17 || substr('10X98765432', CAST(({_CHECK}) % 11 AS INTEGER) + 1, 1) END AS citizen_id,
      CASE WHEN p1 < 1 THEN NULL WHEN p1 < 2 THEN '\u5f20' ELSE (['\u738b', '\u674e', '\u5f20', '\u5218', '\u9648', '\u6768', '\u8d75', '\u9ec4'])[1 + h % 8]
        || (['\u4f1f', '\u82b3', '\u5a1c', '\u654f', '\u9759', '\u79c0\u82f1', '\u4e3d', '\u5f3a', '\u78ca', '\u519b'])[1 + g % 10] END AS name,
      CASE WHEN p2 < 1 THEN NULL WHEN p2 < 2 THEN '\u7537' ELSE CAST(1 + h % 2 AS VARCHAR) END AS sex,
      CASE WHEN p3 < 1 THEN replace(bd, '-', '/') WHEN p3 < 2 THEN '2099-01-01' WHEN p3 < 3 THEN NULL ELSE bd END AS birth_date,
      CASE WHEN p4 < 30 THEN NULL WHEN p4 < 31 THEN '1380013' WHEN p4 < 32 THEN '138-0013-8000'
        ELSE '1' || CAST(3000000000 + g % 6999999999 AS VARCHAR) END AS phone,
      CASE WHEN p5 < 1 THEN '\u6210\u90fd' WHEN p5 < 2 THEN NULL
        ELSE '\u56db\u5ddd\u7701\u6210\u90fd\u5e02\u9526\u6c5f\u533a\u6625\u7199\u8def\u8857\u9053' || h % 5000 || '\u53f7' || g % 40 || '\u680b' || h % 30 || '\u5ba4' END AS address,
      CASE WHEN p6 < 1 THEN '99' ELSE lpad(CAST(1 + h % 56 AS VARCHAR), 2, '0') END AS people_code,
      CASE WHEN p7 < 1 THEN '-5' WHEN p7 < 20 THEN NULL ELSE CAST(2000 + g % 30000 AS VARCHAR) END AS income,
      CASE WHEN p0 = 50 THEN 'x' ELSE dv || '001' END AS division,
      CASE WHEN p1 = 50 THEN NULL ELSE strftime(DATE '2015-01-01' + CAST(g % 3800 AS INTEGER), '%Y-%m-%d') END AS changed_date,
      md5(CAST(CASE WHEN p2 = 50 AND p3 = 50 THEN i % 1000 ELSE i END AS VARCHAR)) AS record_no
    FROM made"""
