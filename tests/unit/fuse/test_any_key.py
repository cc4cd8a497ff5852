"""Keys without a check character: each text that is not empty is a key, as it stands."""

from __future__ import annotations

import pyarrow as pa

from cityloom.engines.base import sql
from cityloom.engines.terms import column
from cityloom.fuse.keys import key_rule


def test_any_text_but_the_empty_one_is_a_key_as_it_stands(engine, hostile):
    rule = key_rule("any")
    with engine.bound(pa.table({"k": pa.array(hostile, pa.string())})) as source:
        term = rule.corrected(column("k"), rule.number(column("k")))
        found = dict(engine.rows(sql("SELECT k, :term FROM :rows", term=term, rows=source)))
    assert found == {text: text or None for text in hostile}
    assert [rule.correct(text) for text in hostile if text is not None] == [t or None for t in hostile if t is not None]
