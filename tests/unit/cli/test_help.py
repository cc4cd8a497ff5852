"""Help says everything in the language asked for, also where there is little room."""

import os
import subprocess
import sys

import pytest


def shown(*words: str) -> str:
    command = [sys.executable, "-m", "cityloom", *words]
    room = {**os.environ, "COLUMNS": "80", "TERMINAL_WIDTH": "80"}
    done = subprocess.run(command, capture_output=True, text=True, env=room)
    return done.stdout + done.stderr


def test_headings_and_notes_of_chinese_help_are_chinese() -> None:
    text = shown("audit", "verify", "--help", "--lang", "zh")
    for word in ("用法：", "参数", "选项", "[必填]", "显示本帮助后退出。"):
        assert word in text
    for word in ("Usage", "Arguments", "Options", "required", "Show this message"):
        assert word not in text


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("words", [["demo"], ["share", "request"]])
def test_no_help_is_cut_off_in_a_narrow_terminal(words: list[str], language: str) -> None:
    assert "…" not in shown(*words, "--help", "--lang", language)


def test_a_usage_error_points_to_help_in_the_language_asked_for() -> None:
    assert "查看帮助" in shown("audit", "verify", "--lang", "zh")
    assert "for help" in shown("audit", "verify", "--lang", "en")
