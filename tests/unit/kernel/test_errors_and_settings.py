"""Errors that a person can act on, settings with names that are known, references instead of secrets."""

from pathlib import Path

import pytest

from cityloom.kernel.config import load_settings, reference
from cityloom.kernel.errors import ConfigError, DataError, SourceError
from cityloom.kernel.i18n import translate, use_language


def test_an_error_is_a_problem_object_with_code_and_hint() -> None:
    error = SourceError("collect.source.unreachable", "{source} is away.", hint="Start {source}.", source="db")
    with use_language("en"):
        assert error.problem() == {
            "type": "urn:cityloom:error:collect.source.unreachable",
            "title": "db is away.",
            "status": 502,
            "detail": "Start db.",
            "code": "collect.source.unreachable",
            "source": "db",
        }


def test_families_have_exit_codes_of_their_own() -> None:
    codes = {cls.exit_code for cls in (ConfigError, DataError, SourceError)}
    assert len(codes) == 3
    assert 0 not in codes


def test_a_template_whose_place_is_not_filled_is_shown_as_it_is() -> None:
    with use_language("en"):
        assert str(DataError("x.y.z", "No {value} here")) == "No {value} here"


def test_settings_come_from_the_environment_and_the_caller_wins() -> None:
    settings = load_settings({"CITYLOOM_PORT": "9000", "CITYLOOM_LANGUAGE": "en", "HOME": "/x"}, port=1)
    assert (settings.port, settings.language) == (1, "en")


def test_an_unknown_setting_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({"CITYLOOM_PROT": "1"})
    assert "CITYLOOM_PORT" in caught.value.hint


def test_a_setting_of_the_wrong_type_names_itself() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({"CITYLOOM_PORT": "many"})
    assert caught.value.details["key"] == "CITYLOOM_PORT"


def test_references_are_read_and_missing_ones_are_named(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret\n")
    assert reference("file:key", base=tmp_path) == "secret"
    assert reference("env:A", base=tmp_path, environ={"A": "b"}) == "b"
    assert reference("http://x", base=tmp_path) == "http://x"
    with pytest.raises(ConfigError) as caught:
        reference("file:nokey", base=tmp_path)
    assert caught.value.details["name"] == "nokey"


def test_english_is_the_source_text() -> None:
    with use_language("en"):
        assert translate("Anything at all") == "Anything at all"
