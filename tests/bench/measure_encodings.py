"""How often the encoding of a text is told right from its bytes alone: 210 texts in 50 encodings (``messy_chardet``).

The name of a text's folder is its encoding; right is what decodes to the same text (a mark at its start and the
older subset GB2312 of GB18030 aside). Two figures: ``same_text`` to the letter of the folder's codec, and
``same_text_as_browsers`` where control characters that the codec makes of the bytes 0x80 to 0x9F stand for the
Windows code page of the same language, as the WHATWG's encoding standard has it. What others reached is from their own tests, which
count such supersets as right; ``beside`` is charset-normalizer on the same files by the same measure, where it is
installed. ``refused_as_doubtful``: the platform asks for a declaration there instead of guessing.

``--data`` names the folder with the real data (default: ``real-data`` beside the repository).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from cityloom.collect.text import choose
from cityloom.kernel.errors import DataError

PUBLISHED = {"charset-normalizer": 0.943, "chardet": 0.995}
LANGUAGES = ("croatian", "czech", "hungarian", "polish", "slovak", "bulgarian", "russian", "greek", "turkish", "slovene", "hebrew")
WINDOWS = {"tis-620": "cp874"}


def texts(folder: Path) -> Iterator[tuple[Path, str]]:
    """Each file with its true encoding."""
    for group in sorted(p for p in folder.iterdir() if p.is_dir()):
        name = group.name.lower()
        for language in LANGUAGES:
            name = name.removesuffix(f"-{language}")
        for path in sorted(group.iterdir()):
            yield path, "gb18030" if name == "gb2312" else name


def told(path: Path) -> tuple[str, bool]:
    """The encoding as the platform tells it, and whether it would refuse to go on with it."""
    try:
        return choose(path, path.name, "auto").encoding, False
    except DataError as error:
        return str(error.details["encoding"]), True


def beside(path: Path) -> str | None:
    """The encoding as charset-normalizer tells it; None where it is not installed or tells none."""
    if not find_spec("charset_normalizer"):
        return None
    from charset_normalizer import from_path

    best = from_path(path).best()
    return best.encoding if best else None


def decoded(content: bytes, encoding: str) -> str | None:
    """The text without a mark at its start; None where it is no text."""
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError:
        return None


def main() -> None:
    """Measure and print one line a figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2].parent / "real-data")
    folder = parser.parse_args().data / "messy_chardet"
    if not folder.is_dir():
        sys.exit(f"There is no folder {folder}: name the real data with --data.")
    tally: dict[str, int] = dict.fromkeys(("texts", "same_text", "same_text_as_browsers", "refused_as_doubtful", "beside"), 0)
    for path, truth in texts(folder):
        content = path.read_bytes()
        encoding, is_refused = told(path)
        given, wanted = decoded(content, encoding), decoded(content, truth)
        is_superset = truth in WINDOWS and given == decoded(content, WINDOWS[truth])
        tally["texts"] += 1
        tally["same_text"] += given == wanted
        tally["same_text_as_browsers"] += given == wanted or is_superset
        tally["refused_as_doubtful"] += is_refused
        other = beside(path)
        tally["beside"] += other is not None and decoded(content, other) == wanted
        if given != wanted:
            print(f"{path.parent.name}/{path.name}: {encoding}", file=sys.stderr)
    tell(tally)


def tell(tally: Mapping[str, int]) -> None:
    """One line a figure."""
    count = tally["texts"]
    for metric in ("same_text", "same_text_as_browsers", "refused_as_doubtful"):
        line = {"name": "encodings", "set": "chardet", "metric": metric, "value": round(tally[metric] / count, 4), "texts": count}
        line |= {"published": PUBLISHED} if metric.startswith("same") else {}
        line |= {"beside": {"charset-normalizer": round(tally["beside"] / count, 4)}} if metric == "same_text" else {}
        print(json.dumps(line))


if __name__ == "__main__":
    main()
