"""Makes the font of PDF reports from WenQuanYi Micro Hei (Apache-2.0): the signs of GBK, no hints, packed.

``python scripts/make_font.py wqy-microhei.ttc``; needs fontTools. The file comes from Debian's ``fonts-wqy-microhei`` or
from the project's page. It is run once; its answer is kept in the repository with the licence.
"""

from __future__ import annotations

import argparse
import lzma
from io import BytesIO
from pathlib import Path

TARGET = Path(__file__).parents[1] / "src" / "cityloom" / "quality" / "report" / "fonts" / "wqy-microhei.ttf.xz"
_MORE = "–—−×·…‰≤≥≈→←↑↓▲▼●○◐■□△▽✓✗㎡℃№"
"""Signs of reports that GBK does not have."""


def signs() -> set[int]:
    """Code points that reports may need: all of GBK, Latin-1 and a few signs."""
    found = set(range(0x20, 0x7F)) | set(range(0xA0, 0x100)) | {ord(sign) for sign in _MORE}
    for high in range(0x81, 0xFF):
        for low in range(0x40, 0xFF):
            try:
                found.add(ord(bytes((high, low)).decode("gbk")))
            except (UnicodeDecodeError, TypeError):
                continue
    return found


def make(source: Path, target: Path = TARGET) -> int:
    """Write the packed font; returns its bytes."""
    from fontTools.subset import Options, Subsetter  # noqa: PLC0415
    from fontTools.ttLib import TTFont  # noqa: PLC0415

    font = TTFont(source, fontNumber=0)
    options = Options(hinting=False, layout_features=[], name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14], glyph_names=False)
    options.drop_tables += ["BDF ", "FFTM", "vhea", "vmtx"]
    subset = Subsetter(options)
    subset.populate(unicodes=signs())
    subset.subset(font)
    plain = BytesIO()
    font.save(plain)
    packed = lzma.compress(plain.getvalue(), preset=9 | lzma.PRESET_EXTREME)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(packed)
    return len(packed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    print(make(parser.parse_args().source))
