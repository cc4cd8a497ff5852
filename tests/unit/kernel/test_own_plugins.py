"""Own plug-ins: a file in a folder is found, a broken or repeated one is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cityloom.kernel.errors import ConfigError
from cityloom.kernel.registry import plugins

STEPS = "cityloom.standard.steps"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "steps").mkdir()
    monkeypatch.setenv("CITYLOOM_PLUGINS", str(tmp_path))
    plugins.cache_clear()
    yield tmp_path / "steps"
    plugins.cache_clear()


def test_a_file_is_a_plugin(own: Path) -> None:
    (own / "shout.py").write_text('class Shout:\n    name = "shout"\n')
    (own / "_part.py").write_text("raise RuntimeError\n")
    assert plugins(STEPS)["shout"].__name__ == "Shout"
    assert "clean_text" in plugins(STEPS)


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("broken.py", "import nothing_of_this_name\n", "kernel.plugin.broken"),
        ("clean_text.py", 'class Mine:\n    name = "clean_text"\n', "kernel.plugin.repeated"),
        ("other.py", 'class Mine:\n    name = "mine"\n', "kernel.plugin.misnamed"),
    ],
)
def test_a_wrong_file_is_named(own: Path, name: str, text: str, code: str) -> None:
    (own / name).write_text(text)
    with pytest.raises(ConfigError) as caught:
        plugins(STEPS)
    assert caught.value.code == code
