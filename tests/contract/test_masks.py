"""Every mask: its cases hold, engine and meaning agree on whatever comes, and nothing comes out as it went in."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
import sqlglot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cityloom.engines.duckdb import DuckDBEngine
from cityloom.engines.terms import column
from cityloom.kernel.errors import ConfigError
from cityloom.kernel.registry import plugins
from cityloom.model.service import Mask
from cityloom.protect.mask import MASKS, Case, MaskPlugin, make_mask

KEY, TODAY = b"0" * 32, "2026-11-21"
CASES = [(name, case) for name, cls in plugins(MASKS).items() for case in cls.cases]
KINDS = list(dict.fromkeys((name, tuple(case.options.items())) for name, case in CASES))
each_case = pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{n}-{i}" for i, (n, _) in enumerate(CASES)])
each_kind = pytest.mark.parametrize(("name", "options"), KINDS, ids=[f"{n}{dict(o) or ''}" for n, o in KINDS])
MORE = ("  ", "4403", "1234567", "13800135678", "1990-01-31", "19900131", "1990-01-31 08:30:00", "2026-11-22", "0000-01-01", "长" * 10_000, "a\u0301b", "\x00\x00")  # fmt: skip
texts = st.one_of(
    st.none(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.text("0123456789xX-/ :T+*", max_size=20),
    st.from_regex(r"1[0-9]{10}", fullmatch=True),
    st.from_regex(r"[0-9]{4}-?[01][0-9]-?[0-3][0-9]( [0-9]{2}:[0-9]{2})?", fullmatch=True),
)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Any:
    engine = DuckDBEngine(tmp_path_factory.mktemp("spill"), memory_mb=256, threads=1)
    yield engine
    engine.close()


def made(name: str, options: Any) -> MaskPlugin:
    return make_mask(Mask(mask=name, options=dict(options)), key=KEY, today=TODAY)


def by_engine(engine: DuckDBEngine, mask: MaskPlugin, values: list[str | None]) -> list[str | None]:
    """What the engine makes of values; what the mask itself does where it has no form in SQL."""
    term = mask.sql(column("x"))
    if term is None:
        return [mask.value(x) for x in values]
    with engine.bound(pa.table({"n": range(len(values)), "x": pa.array(values, pa.string())})) as source:
        answer = dict(engine.rows(sqlglot.exp.select(column("n"), term).from_(source)))
    return [answer[n] for n in range(len(values))]


@each_case
def test_case(quick: DuckDBEngine, name: str, case: Case) -> None:
    mask = made(name, case.options)
    assert mask.value(case.given) == case.expected
    assert by_engine(quick, mask, [case.given]) == [case.expected]


@each_kind
def test_hostile_texts(quick: DuckDBEngine, name: str, options: Any, hostile: tuple[str | None, ...]) -> None:
    mask = made(name, options)
    values = [*hostile, *MORE]
    assert by_engine(quick, mask, values) == [mask.value(x) for x in values]
    assert_hidden(mask, values)


@each_kind
def test_any_text(quick: DuckDBEngine, name: str, options: Any) -> None:
    mask = made(name, options)

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(texts, min_size=20, max_size=60))
    def agree(values: list[str | None]) -> None:
        assert by_engine(quick, mask, values) == [mask.value(x) for x in values]
        assert_hidden(mask, values)

    agree()


def assert_hidden(mask: MaskPlugin, values: list[str | None]) -> None:
    for x in values:
        if x is None:
            assert mask.value(x) is None
        elif len(x) >= 2 and "*" not in x:
            assert mask.value(x) != x


@each_kind
def test_only_functions_of_every_engine(name: str, options: Any) -> None:
    term = made(name, options).sql(column("x"))
    if term is not None:
        assert not list(term.find_all(sqlglot.exp.Anonymous))
        term.sql(dialect="spark", unsupported_level=sqlglot.ErrorLevel.RAISE)


@pytest.mark.parametrize("name", list(plugins(MASKS)))
def test_it_has_an_example_of_a_missing_value(name: str) -> None:
    assert any(case.given is None for case in plugins(MASKS)[name].cases)


@pytest.mark.parametrize(
    ("name", "options", "code"),
    [
        ("keep", {"first": -1}, "protect.mask.number"),
        ("keep", {"last": "4"}, "protect.mask.number"),
        ("keep", {"middle": 4}, "kernel.plugin.options"),
        ("district", {"first": 0}, "protect.mask.number"),
        ("age_band", {"width": 0}, "protect.mask.number"),
        ("age_band", {"width": 7}, "protect.mask.bands"),
        ("age_band", {"today": "1900-01-01"}, "kernel.plugin.options"),
        ("hash", {"key": "known"}, "kernel.plugin.options"),
        ("none", {}, "kernel.plugin.unknown"),
    ],
)
def test_a_wrong_definition_is_refused(name: str, options: dict[str, Any], code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_mask(Mask(mask=name, options=options))
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["hash", "age_band"])
def test_a_mask_without_what_it_needs_gives_nothing(name: str) -> None:
    mask = make_mask(Mask(mask=name))
    with pytest.raises(ConfigError) as caught:
        mask.value("1990-01-31")
    assert caught.value.code == "protect.mask.unset"
