"""The only place that knows how Spark's SQL differs: a query in the DuckDB dialect becomes one with the same answer.

The query is read as a tree; every node must be of a kind that is known to mean the same, or that is rewritten
here. Anything else is refused before Spark sees it: a query that is answered is answered alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.eliminate_subqueries import eliminate_subqueries

from cityloom.engines.base import sql
from cityloom.engines.spark.patterns import UnlikeError, java
from cityloom.kernel.errors import ConfigError

BLANKS = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
"""What ``trim`` without characters takes away: the spaces of Unicode."""
_QUOTIENT = "cityloom_quotient"
"""Marks what a division became."""
Rewrite = Callable[[Any], exp.Expression]
_SAME = (
    exp.Select, exp.Subquery, exp.From, exp.Where, exp.Group, exp.Having, exp.Order, exp.Ordered, exp.Join, exp.Limit,
    exp.Union, exp.With, exp.CTE, exp.Table, exp.TableAlias, exp.Alias, exp.Identifier, exp.Column, exp.Star, exp.Distinct,
    exp.Paren, exp.Tuple, exp.Values, exp.Literal, exp.Null, exp.Boolean, exp.DataType, exp.DataTypeParam, exp.Var,
    exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Is, exp.In, exp.Between, exp.Exists,
    exp.NullSafeEQ, exp.NullSafeNEQ, exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.Greatest, exp.Least,
    exp.Add, exp.Sub, exp.Mul, exp.Neg, exp.Abs, exp.BitwiseOr, exp.BitwiseOrAgg,
    exp.DPipe, exp.Concat, exp.ConcatWs, exp.Length, exp.Replace, exp.Translate, exp.MD5, exp.SHA2,
    exp.StrPosition, exp.Contains, exp.StartsWith, exp.EndsWith, exp.SplitPart, exp.Reverse, exp.Repeat,
    exp.Count, exp.CountIf, exp.Sum, exp.Min, exp.Max, exp.Filter, exp.Array, exp.ArrayFilter, exp.Lambda, exp.Struct,
    exp.PropertyEQ, exp.Dot, exp.Map, exp.ArrayToString, exp.Window, exp.WindowSpec, exp.RowNumber,
    exp.ReadParquet, exp.Split, exp.Lag, exp.Lead, exp.Transform, exp.ArrayAppend, exp.Explode, exp.Sqrt, exp.IsNan,
)  # fmt: skip
"""Nodes that mean the same on both, as sqlglot writes them."""


def translate(query: exp.Expression | str, relation: Rewrite) -> str:
    """The query as Spark's SQL.

    Args:
        query: in the DuckDB dialect, or a tree.
        relation: what stands for ``read_parquet(...)``, or for a table by its name, in a FROM.

    Raises:
        ConfigError: ``engine.spark.unsupported``.
    """
    text = query if isinstance(query, str) else query.sql(dialect="duckdb")
    root = exp.Paren(this=sqlglot.parse_one(text, dialect="duckdb"))
    for node in reversed(list(root.walk())):
        if node is root or node.parent is None:
            continue
        made = _rewritten(cast(exp.Expression, node), relation)
        if made is not node:
            node.replace(made)
    return str(eliminate_subqueries(root.this).sql(dialect="spark"))


def unsupported(what: str) -> ConfigError:
    """The error for what has no equal on Spark."""
    return ConfigError(
        "engine.spark.unsupported",
        "The distributed engine has no equal of {what}.",
        hint="Write the rule or step without it, or run this stage on the embedded engine (CITYLOOM_ENGINE=duckdb).",
        what=what,
    )


def _rewritten(node: exp.Expression, relation: Rewrite) -> exp.Expression:
    if isinstance(node, exp.Table):
        return relation(node)
    rewrite = _REWRITES.get(type(node))
    if rewrite is not None:
        return rewrite(node)
    if isinstance(node, exp.Anonymous):
        name = node.name.lower()
        if name in _FUNCTIONS:
            return _FUNCTIONS[name](node)
        raise unsupported(name)
    if isinstance(node, _SAME):
        return node
    raise unsupported(node.key)


def _number(node: exp.Expression | None) -> int | None:
    if isinstance(node, exp.Neg):
        inner = _number(node.this)
        return None if inner is None else -inner
    try:
        return int(node.name) if isinstance(node, exp.Literal) and not node.is_string else None
    except ValueError:
        return None


def _text(node: exp.Expression | None, what: str) -> str:
    if isinstance(node, exp.Literal) and node.is_string:
        return node.name
    raise unsupported(what)


def _pattern(node: exp.Expression | None) -> exp.Literal:
    try:
        return exp.Literal.string(java(_text(node, "a computed pattern")))
    except UnlikeError as part:
        raise unsupported(f"{part} in a pattern") from None


# -- numbers -------------------------------------------------------------------------------------------


def _divided(node: exp.IntDiv | exp.Mod) -> exp.Expression:
    """A hash is a signed number there, so its remainder is made positive. By zero, both engines fail."""
    inner = node.this.unnest()
    if isinstance(node, exp.Mod) and isinstance(inner, exp.Anonymous) and inner.name == "xxhash64":
        return exp.Anonymous(this="pmod", expressions=[node.this.copy(), node.expression.copy()])
    return node


def _quotient(node: exp.Div) -> exp.Expression:
    """A quotient is a DOUBLE, whatever was divided; by zero it is infinite, or no number."""
    above, below = (exp.Paren(this=exp.cast(node.args[side].copy(), "DOUBLE")) for side in ("this", "expression"))
    quotient: exp.Expression = exp.Div(this=above, expression=below, typed=False, safe=False)
    if not (_number(node.expression.unnest()) or isinstance(node.expression.unnest(), exp.Nullif)):
        quotient = _by_anything(above, below, quotient)
    quotient.meta[_QUOTIENT] = True
    return quotient


def _by_anything(above: exp.Expression, below: exp.Expression, quotient: exp.Expression) -> exp.Expression:
    return sql(
        "CASE WHEN :b <> 0 THEN :quotient WHEN :a <> 0 AND NOT isnan(:a) AND :b = 0 THEN sign(:a) * CAST('Infinity' AS DOUBLE)"
        " WHEN :a IS NOT NULL AND :b = 0 THEN CAST('NaN' AS DOUBLE) END",
        a=above,
        b=below,
        quotient=exp.Paren(this=quotient),
    )


def _as_decimal(node: exp.Cast | exp.TryCast) -> exp.Expression:
    """A binary quotient as a decimal: rounded as it is, where Spark would round the short text that it is written as.

    Beyond 2 to the 48th a number is taken in two parts, each of which is exact.
    """
    target = node.to
    if not node.this.unnest().meta.get(_QUOTIENT) or target.this != exp.DType.DECIMAL:
        return node
    if not isinstance(node, exp.TryCast):
        raise unsupported("a quotient as a decimal that is not tried")
    digits, scale = (int(one.name) for one in target.expressions)
    parts = sql(
        "CASE WHEN abs(v_) < CAST(:most AS DOUBLE) THEN CAST((CASE WHEN v_ < 0 THEN -1 ELSE 1 END"
        " * (CAST(floor(abs(v_) * CAST(:small AS DOUBLE)) AS DECIMAL(20, 0)) * 281474976710656"
        " + CAST(round(abs(v_) - CAST(floor(abs(v_) * CAST(:small AS DOUBLE)) AS DOUBLE) * CAST(281474976710656 AS DOUBLE)) AS BIGINT)))"
        " * CAST(:unit AS DECIMAL(38, :scale)) AS DECIMAL(38, :scale)) END",
        most=f"1e{digits}",
        small=repr(2.0**-48),
        unit=f"1e-{scale}",
        scale=exp.Literal.number(scale),
    )
    value = exp.Mul(this=exp.Paren(this=node.this.copy()), expression=exp.cast(exp.Literal.string(f"1e{scale}"), "DOUBLE"))
    bound = exp.Transform(this=exp.Array(expressions=[value]), expression=exp.Lambda(this=parts, expressions=[exp.to_identifier("v_")]))
    first = exp.Anonymous(this="try_element_at", expressions=[bound, exp.Literal.number(1)])
    return exp.TryCast(this=first, to=target.copy(), safe=True)


def _shifted(node: exp.BitwiseRightShift) -> exp.Expression:
    return exp.Anonymous(this="shiftright", expressions=[node.this.copy(), node.expression.copy()])


def _masked(node: exp.BitwiseAnd) -> exp.Expression:
    """Bits out of the midst of a number that is wider than a BIGINT: there is arithmetic for such, and no bits."""
    shift, mask = node.this.unnest(), _number(node.expression) or 0
    if not (isinstance(shift, exp.Anonymous) and shift.name == "shiftright" and mask & (mask + 1) == 0):
        return node
    places = _number(shift.expressions[1]) or 0
    if places + mask.bit_length() < 64:
        return node
    return sql(
        "CAST(((CAST(:x AS DECIMAL(38, 0)) % :above) // :below) AS BIGINT)",
        x=shift.expressions[0],
        above=exp.Literal.number(1 << (places + mask.bit_length())),
        below=exp.Literal.number(1 << places),
    )


def _epoch(node: exp.TimeToUnix) -> exp.Expression:
    return sql("CAST(CAST(:x AS TIMESTAMPTZ) AS DECIMAL(20, 6))", x=node.this)


def _parsed_time(node: exp.Anonymous) -> exp.Expression:
    given, form = node.expressions
    if _text(form, "a computed form of dates") != "%Y%m%d":
        raise unsupported("a form of dates")
    return exp.Anonymous(this="try_to_timestamp", expressions=[given.copy(), exp.Literal.string("yyyyMMdd")])


def _typed(node: exp.DataType) -> exp.Expression:
    wide = {exp.DType.INT128: "DECIMAL(38, 0)", exp.DType.UBIGINT: "DECIMAL(20, 0)"}.get(node.this)
    return exp.DataType.build(wide, dialect="spark") if wide else node


# -- texts ---------------------------------------------------------------------------------------------


def _trimmed(node: exp.Trim) -> exp.Expression:
    if node.expression is None:
        node.set("expression", exp.Literal.string(BLANKS))
    return node


def _part(node: exp.Substring) -> exp.Expression:
    """A place of zero stands before the first character, and not on it."""
    start, length = node.args["start"], node.args.get("length")
    number = _number(start.unnest())
    if number is not None and number > 0:
        return node
    if number is not None and number < 0:
        raise unsupported("a substring from the end")
    if length is None:
        return node
    return sql(
        "CASE WHEN :start = 0 THEN substr(:x, 1, greatest(:length - 1, 0)) ELSE substr(:x, :start, :length) END",
        x=node.this,
        start=exp.Paren(this=start.copy()),
        length=exp.Paren(this=length.copy()),
    )


def _end(node: exp.Left | exp.Right) -> exp.Expression:
    """A length below zero says how many characters stay away."""
    if (_number(node.expression) or -1) < 0:
        length = sql(
            "CASE WHEN :n >= 0 THEN :n ELSE greatest(length(:x) + :n, 0) END",
            n=exp.Paren(this=node.expression.copy()),
            x=node.this,
        )
        node.set("expression", length)
    return node


def _padded(node: exp.Pad) -> exp.Expression:
    if _number(node.expression) is None or not _text(node.args.get("fill_pattern"), "a computed filling"):
        raise unsupported("filling with nothing")
    return node


def _character(node: exp.Chr) -> exp.Expression:
    number = _number(node.expressions[0])
    if number is None:
        raise unsupported("a computed character")
    return exp.Literal.string(chr(number))


def _matches(node: exp.RegexpLike) -> exp.Expression:
    if node.args.get("flag"):
        raise unsupported("flags of a pattern")
    node.set("expression", _pattern(node.expression))
    return node


def _replaced(node: exp.RegexpReplace) -> exp.Expression:
    """``\\1`` is ``$1`` there; all occurrences are replaced, or the first."""
    into = _text(node.args["replacement"], "a computed replacement").replace("$", "\\$")
    pattern = _pattern(node.expression)
    modifiers = node.args.get("modifiers")
    flags = _text(modifiers, "computed flags") if modifiers is not None else ""
    if flags not in ("", "g"):
        raise unsupported("flags of a pattern")
    groups = 0 if flags else 1
    for number in range(9, -1, -1):
        into = into.replace(f"\\{number}", f"${number + groups}" if number or not groups else "$0")
    if not flags:
        if "$0" in into:
            raise unsupported("a replacement with the whole of the match")
        pattern = exp.Literal.string(rf"^((?s:.*?))(?:{pattern.name})")
        into = "$1" + into if not into[:1].isdigit() else "$1\\" + into
    return exp.Anonymous(this="regexp_replace", expressions=[node.this.copy(), pattern, exp.Literal.string(into)])


def _extracted(node: exp.RegexpExtract) -> exp.Expression:
    group = node.args.get("group") or exp.Literal.number(0)
    if _number(group) is None or node.args.get("parameters"):
        raise unsupported("flags of a pattern")
    return exp.Anonymous(this="regexp_extract", expressions=[node.this.copy(), _pattern(node.expression), group.copy()])


def _like(node: exp.Like) -> exp.Expression:
    """A backslash means itself."""
    node.set("expression", exp.Literal.string(_text(node.expression, "a computed LIKE").replace("\\", "\\\\")))
    return node


def _hashed(node: exp.Anonymous) -> exp.Expression:
    return exp.Anonymous(this="xxhash64", expressions=[e.copy() for e in node.expressions])


def _starred(node: exp.Select) -> exp.Expression:
    """``* REPLACE (term AS name)`` is ``* EXCEPT (name), term AS name``: the columns stand elsewhere, the rows are the same."""
    moved: list[exp.Expression] = []
    for star in [s for e in node.expressions for s in (e, e.this) if isinstance(s, exp.Star) and s.args.get("replace")]:
        replaced = star.args["replace"]
        star.set("except_", [*(star.args.get("except_") or []), *(exp.to_identifier(one.alias, quoted=True) for one in replaced)])
        star.set("replace", None)
        moved += replaced
    node.set("expressions", [*node.expressions, *moved])
    return node


# -- lists and maps ------------------------------------------------------------------------------------


def _looked_up(node: exp.Bracket) -> exp.Expression:
    if not isinstance(node.this, (exp.Map, exp.VarMap)):
        raise unsupported("a place in a list by brackets")
    if not node.this.args["keys"].expressions:
        return exp.cast(exp.null(), "STRING")
    return node


def _place(node: exp.Anonymous) -> exp.Expression:
    """There is no place of zero, and no error for it."""
    listed, number = node.expressions
    place = exp.cast(sql("nullif(:n, 0)", n=number), "INT")
    return exp.Anonymous(this="try_element_at", expressions=[listed.copy(), place])


def _series(node: exp.GenerateSeries) -> exp.Expression:
    """Spark's sequence counts downwards where the end stands before the start."""
    if node.args.get("step") is not None:
        raise unsupported("a series with a step")
    start, end = (exp.Paren(this=node.args[name].copy()) for name in ("start", "end"))
    sequence = exp.Anonymous(this="sequence", expressions=[start, exp.Greatest(this=start.copy(), expressions=[end])])
    item = exp.to_identifier("i_")
    kind = exp.LT if node.args.get("is_end_exclusive") else exp.LTE
    keep = exp.Lambda(this=kind(this=item, expression=end.copy()), expressions=[item.copy()])
    return exp.ArrayFilter(this=sequence, expression=keep)


def _distinct(node: exp.ArrayDistinct) -> exp.Expression:
    return exp.Anonymous(this="array_compact", expressions=[node.copy()])


def _greatest(node: exp.ArgMax | exp.ArgMin) -> exp.Expression:
    """Rows whose value or order is missing do not count."""
    if node.args.get("count"):
        raise unsupported("several greatest")
    name = "max_by" if isinstance(node, exp.ArgMax) else "min_by"
    made = exp.Anonymous(this=name, expressions=[node.this.copy(), node.expression.copy()])
    return exp.Filter(this=made, expression=exp.Where(this=sql(":x IS NOT NULL", x=node.this)))


_REWRITES: dict[type[exp.Expression], Rewrite] = {
    exp.Select: _starred,
    exp.IntDiv: _divided,
    exp.Mod: _divided,
    exp.Div: _quotient,
    exp.BitwiseRightShift: _shifted,
    exp.BitwiseAnd: _masked,
    exp.TimeToUnix: _epoch,
    exp.DataType: _typed,
    exp.Cast: _as_decimal,
    exp.TryCast: _as_decimal,
    exp.Trim: _trimmed,
    exp.Substring: _part,
    exp.Left: _end,
    exp.Right: _end,
    exp.Pad: _padded,
    exp.Chr: _character,
    exp.RegexpLike: _matches,
    exp.RegexpReplace: _replaced,
    exp.RegexpExtract: _extracted,
    exp.Like: _like,
    exp.Bracket: _looked_up,
    exp.ArgMax: _greatest,
    exp.ArgMin: _greatest,
    exp.GenerateSeries: _series,
    exp.ArrayDistinct: _distinct,
}
_FUNCTIONS: dict[str, Rewrite] = {
    "strlen": lambda node: exp.Anonymous(this="octet_length", expressions=[e.copy() for e in node.expressions]),
    "hash": _hashed,
    "try_strptime": _parsed_time,
    "list_extract": _place,
    "bit_count": lambda node: node,
}
