"""Numbers in Chinese characters (ordinary and banker's), exponents, percentages and accountants' brackets as plain digits."""

from __future__ import annotations

import re
from collections.abc import Collection

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import found, full_match, shared

_GIVEN = "壹弌贰弍叁弎肆伍陆柒捌玖壱貳參陸拾佰仟〇\u25cb两兩萬億负負點零"  # fmt: skip
_PLAIN = "一一二二三三四五六七八九一二三六十百千零零二二万亿--点零"  # fmt: skip
_DIGITS = "零一二三四五六七八九"
TEN, HUNDRED, THOUSAND, MYRIAD, YI, POINT = "十", "百", "千", "万", "亿", "点"
FROM = _GIVEN + _DIGITS
TO = "".join(str(_DIGITS.index(c)) if c in _DIGITS else c for c in _PLAIN) + "0123456789"
SOME = f"[{FROM}{TEN}]"
"""Pattern of a character that only a Chinese numeral has."""

_TENS = f"[1-9]?{TEN}[1-9]?"
_BELOW_HUNDRED = f"(?:0?[1-9]{TEN}[1-9]?|0[1-9])"
_HUNDREDS = f"[1-9]{HUNDRED}{_BELOW_HUNDRED}?"
_THOUSANDS = f"[1-9]{THOUSAND}(?:{_HUNDREDS}|0?[1-9]{TEN}[1-9]?|0[1-9])?"
_BIG = f"(?:{_THOUSANDS}|{_HUNDREDS}|{_TENS})"
_SECTION = f"(?:{_BIG}|[1-9])"
_REST = f"(?:0?{_BIG}|0[1-9])"
_WHOLE = (
    f"(?:{_SECTION}{YI}(?:0?{_BIG}{MYRIAD}|0[1-9]{MYRIAD})?{_REST}?|{_SECTION}{MYRIAD}{_REST}?|{_BIG}|[0-9]{{1,18}})"
)
NUMERAL = f"-?{_WHOLE}(?:{POINT}[0-9]{{1,17}})?"
"""A numeral after its characters were made ordinary. Colloquial forms that leave the last unit out are none."""

EXPONENT = r"[+-]?[0-9]{1,18}(?:\.[0-9]{0,18})?[eE][+-]?[0-9]{1,2}"
_BRACKETS = "[(\uff08][0-9,.]{1,40}[)\uff09]"
_PARTS_OF_A_WHOLE = "%\u2030"
YUAN, JIAO, FEN = "[元圆圓]", "角", "分"
MONEY = f"({NUMERAL}){YUAN}(?:0?([1-9]){JIAO})?(?:0?([1-9]){FEN})?[整正]?"
"""A sum in Chinese characters after they were made ordinary; without tenths, hundredths, or both."""
UNUSUAL = f"[eE%\u2030(\uff08{FROM}{TEN}]"
"""Pattern of a character that a number in an unusual form has: most have none, and cost one look."""


def _percent(units: Collection[str]) -> str:
    """Pattern of a percentage: with a sign that is no unit of its own."""
    signs = "".join(sign for sign in _PARTS_OF_A_WHOLE if sign not in units)
    return f"[+-]?[0-9]{{1,18}}(?:[.][0-9]{{1,18}})?[{signs}]" if signs else "(?:)"


def digits_sql(column: exp.Expression, units: Collection[str] = ()) -> exp.Expression:
    """A number in an unusual form as plain digits; any other text stays. A percent sign among ``units`` is left alone."""
    odd = _where(found(column, UNUSUAL), column)
    power = sql("substr(:x, 1, length(:x) - 1) || CASE WHEN right(:x, 1) = '%' THEN 'e-2' ELSE 'e-3' END", x=odd)
    shifted = shared(
        sql(
            "CASE WHEN :exponent THEN :x WHEN :percent THEN :power END",
            exponent=full_match(odd, EXPONENT),
            percent=full_match(odd, _percent(units)),
            x=odd,
            power=power,
        )
    )
    plain = shared(sql("translate(:x, :given, :taken)", x=odd, given=FROM, taken=TO))
    return sql(
        "CASE WHEN :odd IS NULL THEN :x WHEN :shifted IS NOT NULL THEN :moved"
        " WHEN :brackets THEN '-' || substr(:odd, 2, length(:odd) - 2) ELSE coalesce(:counted, :odd) END",
        odd=odd,
        x=column,
        shifted=shifted,
        moved=_shifted(shifted),
        brackets=full_match(odd, _BRACKETS),
        counted=_counted(_where(full_match(plain, NUMERAL), plain)),
    )


def digits_of(text: str, units: Collection[str] = ()) -> str:
    """The meaning of :func:`digits_sql`."""
    if not re.search(UNUSUAL, text):
        return text
    if re.fullmatch(EXPONENT, text):
        return _shift(text)
    if re.fullmatch(_percent(units), text):
        return _shift(text[:-1] + ("e-2" if text[-1] == "%" else "e-3"))
    if re.fullmatch(_BRACKETS, text):
        return "-" + text[1:-1]
    numeral = text.translate(str.maketrans(FROM, TO))
    return _count(numeral) if re.fullmatch(NUMERAL, numeral) else text


def money_sql(column: exp.Expression) -> exp.Expression:
    """A sum of money in Chinese characters as plain digits in yuan; any other text stays."""
    odd = _where(found(column, SOME), sql("translate(:x, :given, :taken)", x=column, given=FROM, taken=TO))
    good = _where(full_match(odd, MONEY), odd)
    yuan, jiao, fen = (sql(f"regexp_extract(:n, :shape, {n})", n=good, shape=f"^(?:{MONEY})$") for n in (1, 2, 3))
    cents = sql(
        "CASE WHEN :jiao = '' AND :fen = '' THEN ''"
        " ELSE '.' || coalesce(nullif(:jiao, ''), '0') || coalesce(nullif(:fen, ''), '0') END",
        jiao=shared(jiao),
        fen=shared(fen),
    )
    return sql("coalesce(:yuan || :cents, :x)", yuan=_counted(shared(yuan)), cents=cents, x=column)


def money_of(text: str) -> str:
    """The meaning of :func:`money_sql`."""
    if not re.search(SOME, text):
        return text
    sum_ = re.fullmatch(MONEY, text.translate(str.maketrans(FROM, TO)))
    if sum_ is None:
        return text
    cents = f".{sum_[2] or '0'}{sum_[3] or '0'}" if sum_[2] or sum_[3] else ""
    return _count(sum_[1]) + cents


def small_numeral_sql(column: exp.Expression) -> exp.Expression:
    """A Chinese numeral below a hundred (a month, a day, a year of an era) as digits; digits stay."""
    plain = sql("translate(:x, :given, :taken)", x=column, given=FROM, taken=TO)
    tens = sql(f"coalesce(nullif(regexp_extract(:n, '^([1-9]){TEN}', 1), ''), '1')", n=plain)
    ones = sql(f"coalesce(nullif(regexp_extract(:n, '{TEN}([1-9])', 1), ''), '0')", n=plain)
    return sql(f"CASE WHEN strpos(:n, '{TEN}') > 0 THEN :tens || :ones ELSE :n END", n=plain, tens=tens, ones=ones)


def small_numeral(text: str) -> str:
    """The meaning of :func:`small_numeral_sql`."""
    plain = text.translate(str.maketrans(FROM, TO))
    if TEN not in plain:
        return plain
    tens, ones = re.search(f"^([1-9]){TEN}", plain), re.search(f"{TEN}([1-9])", plain)
    return (tens[1] if tens else "1") + (ones[1] if ones else "0")


def _where(condition: exp.Expression, term: exp.Expression) -> exp.Expression:
    """A term that few rows have, computed once and for those rows only; NULL for the others."""
    return shared(sql("CASE WHEN :condition THEN :term END", condition=condition, term=term))


def _shifted(number: exp.Expression) -> exp.Expression:
    """A number with an exponent, its point moved: by texts, so exactly."""
    whole = shared(sql("regexp_extract(:x, '^[+-]?([0-9]+)', 1)", x=number))
    digits = shared(sql("(:whole || regexp_extract(:x, '[.]([0-9]*)', 1))", whole=whole, x=number))
    power = sql("TRY_CAST(regexp_extract(:x, '[eE][+]?(-?[0-9]+)', 1) AS INT)", x=number)
    place = shared(sql("(length(:whole) + :power)", whole=whole, power=power))
    return sql(
        "CASE WHEN starts_with(:x, '-') THEN '-' ELSE '' END"
        " || CASE WHEN :place <= 0 THEN '0.' || repeat('0', -:place) || :digits"
        " WHEN :place >= length(:digits) THEN :digits || repeat('0', :place - length(:digits))"
        " ELSE substr(:digits, 1, :place) || '.' || substr(:digits, :place + 1) END",
        x=number,
        place=place,
        digits=digits,
    )


def _shift(number: str) -> str:
    sign = "-" if number.startswith("-") else ""
    mantissa, power = re.split("[eE]", number.lstrip("+-"))
    whole, _, rest = mantissa.partition(".")
    digits, place = whole + rest, len(whole) + int(power)
    if place <= 0:
        return f"{sign}0.{'0' * -place}{digits}"
    if place >= len(digits):
        return sign + digits + "0" * (place - len(digits))
    return f"{sign}{digits[:place]}.{digits[place:]}"


def _counted(numeral: exp.Expression) -> exp.Expression:
    whole = shared(sql(f"regexp_extract(:n, '^-?([^{POINT}]*)', 1)", n=numeral))
    rest = shared(sql(f"regexp_extract(:n, '{POINT}([0-9]+)', 1)", n=numeral))
    a, b, c = (_section(shared(sql("regexp_extract(:w, :part, 1)", w=whole, part=part))) for part in _PARTS)
    total = sql("CAST(:a * 100000000 + :b * 10000 + :c AS VARCHAR)", a=a, b=b, c=c)
    return sql(
        "CASE WHEN starts_with(:n, '-') THEN '-' ELSE '' END || CASE WHEN :bare THEN :w ELSE :total END"
        " || CASE WHEN :rest = '' THEN '' ELSE '.' || :rest END",
        n=numeral,
        bare=full_match(whole, "[0-9]+"),
        w=whole,
        total=total,
        rest=rest,
    )


_PARTS = (f"^([^{YI}]*){YI}", f"(?:^|{YI})([^{YI}{MYRIAD}]*){MYRIAD}", f"([^{YI}{MYRIAD}]*)$")


def _section(text: exp.Expression) -> exp.Expression:
    """The whole number of a section below ten thousand; 0 for an empty one."""
    tens = sql(
        f"CASE WHEN strpos(:s, '{TEN}') = 0 THEN 0 ELSE"
        f" CAST(coalesce(nullif(regexp_extract(:s, '([1-9]){TEN}', 1), ''), '1') AS BIGINT) END",
        s=text,
    )
    return sql(
        "(CAST(coalesce(nullif(regexp_extract(:s, :thousands, 1), ''), '0') AS BIGINT) * 1000"
        " + CAST(coalesce(nullif(regexp_extract(:s, :hundreds, 1), ''), '0') AS BIGINT) * 100"
        " + :tens * 10"
        " + CAST(coalesce(nullif(regexp_extract(:s, '([1-9])$', 1), ''), '0') AS BIGINT))",
        s=text,
        thousands=f"([1-9]){THOUSAND}",
        hundreds=f"([1-9]){HUNDRED}",
        tens=tens,
    )


def _count(numeral: str) -> str:
    sign = "-" if numeral.startswith("-") else ""
    whole, _, rest = numeral.removeprefix("-").partition(POINT)
    if not whole.isdigit():
        parts = [re.search(pattern, whole) for pattern in _PARTS]
        a, b, c = (_section_of(part[1]) if part else 0 for part in parts)
        whole = str(a * 100_000_000 + b * 10_000 + c)
    return sign + whole + (f".{rest}" if rest else "")


def _section_of(text: str) -> int:
    total = 0
    for unit, times in ((THOUSAND, 1000), (HUNDRED, 100)):
        found_ = re.search(f"([1-9]){unit}", text)
        total += times * int(found_[1]) if found_ else 0
    if TEN in text:
        tens = re.search(f"([1-9]){TEN}", text)
        total += 10 * int(tens[1]) if tens else 10
    ones = re.search(r"([1-9])\Z", text)
    return total + (int(ones[1]) if ones else 0)
