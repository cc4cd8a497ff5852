"""The report is checked on the way in; what is wrong is named by its place, never by its value."""

import json
from pathlib import Path

import pytest

from cityloom.kernel.errors import DataError
from cityloom.web.report import FILE, Report, read_report

SAMPLE = json.loads((Path(__file__).parent / "sample_report.json").read_text(encoding="utf-8"))


def test_no_report_is_no_error(tmp_path):
    assert read_report(tmp_path) is None


def test_the_sample_is_read_whole(tmp_path):
    (tmp_path / FILE).write_text(json.dumps(SAMPLE), encoding="utf-8")
    report = read_report(tmp_path)
    assert report is not None
    assert len(report.sources) == len(SAMPLE["sources"])
    assert report.fusion.people == SAMPLE["fusion"]["people"]
    assert report.person is not None
    assert report.person.values[1].value == SAMPLE["person"]["values"][1]["value"]


def test_an_empty_report_is_a_report():
    assert Report.model_validate({}).sources == []


def test_a_wrong_value_is_named_by_place_only(tmp_path):
    broken = SAMPLE | {"conflicts": [{"attribute": "a", "winner": "b", "other": "c", "count": "secret-4711"}]}
    (tmp_path / FILE).write_text(json.dumps(broken), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_report(tmp_path)
    assert caught.value.details["place"] == "conflicts.0.count"
    assert "4711" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[1]", "\xff"])
def test_a_torn_file_is_a_data_error(tmp_path, text):
    (tmp_path / FILE).write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError):
        read_report(tmp_path)
