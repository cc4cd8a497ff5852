"""Make ``standard/addresses/divisions.tsv.xz``: division codes with names, and what became of former ones.

    python scripts/divisions.py FOLDER

``FOLDER`` holds ``cn_divisions_modood`` (the statistical codes of 2023 down to streets) and ``cn_gb2260`` (editions of
GB/T 2260 since 1980). Lines of the file: ``code, name`` of a present division (2, 4, 6 or 9 digits), and ``code, name,
last edition, successor`` of a former one (6 digits; the successor may be unknown).

What became of a former division is told in this order: ``MERGED`` below; the same code under a new name; the same name
under a new code; the same name but for its ending; the only one that appeared in its city when it alone vanished.
"""

from __future__ import annotations

import csv
import lzma
import re
import sys
from collections import Counter
from pathlib import Path

TARGET = Path(__file__).parents[1] / "src" / "cityloom" / "standard" / "addresses" / "divisions.tsv.xz"
PSEUDO = re.compile("市辖区|县|省直辖.*|自治区直辖.*")
ENDING = re.compile("(自治县|自治州|自治旗|地区|[省市区县盟旗州])$")
PEOPLES = re.compile("(壮|回|满|苗|侗|瑶|彝|藏|羌|土家|布依|哈尼|傣|白|黎|土|畲|水|仫佬|毛南|朝鲜|蒙古|维吾尔|哈萨克|达斡尔|鄂温克|鄂伦春)族.*$")
MERGED = {
    "110103": "110101", "110104": "110102", "120107": "120116", "120108": "120116", "120109": "120116",
    "130304": "130303", "130521": "130503", "310102": "310101", "310103": "310101", "310108": "310106",
    "310119": "310115", "320103": "320104", "320107": "320106", "320112": "320116", "320122": "320111",
    "320202": "320213", "320203": "320213", "320204": "320213", "320304": "320312", "320405": "320412",
    "320502": "320508", "320503": "320508", "320504": "320508", "320602": "320613", "320611": "320613",
    "320705": "320706", "320802": "320812", "320811": "320812", "321011": "321003", "330103": "330105",
    "330104": "330102", "330204": "330212", "340203": "340209", "340208": "340209", "340221": "340210", "340204": "340202", "340502": "340503",
    "340702": "340705", "340703": "340705", "350202": "350203", "350204": "350203", "350402": "350404",
    "350403": "350404", "360427": "360483", "370205": "370203", "370284": "370211", "370634": "370614",
    "371200": "370100", "371202": "370116", "371203": "370117", "410211": "410202", "410224": "410212",
    "440102": "440104", "440107": "440103", "440116": "440112", "440508": "440511", "440509": "440511",
    "130526": "130505", "140402": "140403", "140411": "140403", "140421": "140404", "140227": "140215",
    "341402": "340181", "370802": "370811", "410306": "410308", "520114": "520111",
    "440903": "440904", "500110": "500110", "652303": "650109",
}  # fmt: skip
"""What editions alone do not tell: districts that were merged into another, by their codes; a code that stays in use
under the same name is none of them."""

Pair = tuple[str, str]


def main(folder: Path) -> None:
    """Write the file."""
    present, streets = current(folder / "cn_divisions_modood"), {}
    present |= special(folder / "cn_gb2260" / "contrib")
    for row in read(folder / "cn_divisions_modood" / "streets.csv"):
        streets[row["code"]] = row["name"].removesuffix("办事处")
    lines = [f"{level(code)}\t{name}" for code, name in sorted(present.items())]
    lines += [f"{code}\t{name}" for code, name in sorted(streets.items())]
    lines += ["\t".join(one) for one in former(editions(folder / "cn_gb2260"), present)]
    text = "\n".join(lines) + "\n"
    TARGET.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))


def current(folder: Path) -> dict[str, str]:
    """Present divisions down to counties by six digits; what only groups counties is left out."""
    found = {row["code"].ljust(6, "0"): row["name"] for row in read(folder / "provinces.csv")}
    cities = {row["code"].ljust(6, "0"): row["name"] for row in read(folder / "cities.csv")}
    found |= {code: name for code, name in cities.items() if not PSEUDO.fullmatch(name)}
    for row in read(folder / "areas.csv"):
        if row["code"] not in found and row["name"] != found.get(row["code"][:4] + "00"):
            found[row["code"]] = row["name"]
    return found | {"710000": "台湾省"}


def special(folder: Path) -> dict[str, str]:
    """The special administrative regions with their districts."""
    return {row["Code"]: row["Name"] for path in sorted(folder.glob("*.tsv")) for row in read(path, "\t")}


def editions(folder: Path) -> list[dict[str, str]]:
    """Editions of GB/T 2260, oldest first; each with its date under the key ``""``."""
    found = []
    for path in sorted((folder / "mca").glob("*.tsv")):
        one = {row["Code"]: row["Name"] for row in read(path, "\t") if not PSEUDO.fullmatch(row["Name"])}
        found.append({"": path.stem, **one})
    return found


def former(past: list[dict[str, str]], present: dict[str, str]) -> list[tuple[str, str, str, str]]:
    """Divisions that are no more under their code and name: code, name, last edition, present code or nothing."""
    steps: dict[Pair, tuple[str, Pair | None]] = {}
    for before, after in zip(past, [*past[1:], present], strict=True):
        steps |= {pair: (before[""], became) for pair, became in changes(before, after).items()}
    alone = Counter(present.values())
    by_name = {name: code for code, name in present.items() if alone[name] == 1}
    lines = []
    for pair, (edition, _) in sorted(steps.items()):
        if present.get(pair[0]) != pair[1]:
            lines.append((*pair, edition, follow(pair, steps, present) or by_name.get(pair[1], "")))
    return lines


def changes(before: dict[str, str], after: dict[str, str]) -> dict[Pair, Pair | None]:
    """What each division that vanished from one edition to the next became."""
    gone = {pair for pair in before.items() if pair[0] and after.get(pair[0]) != pair[1]}
    came = {pair for pair in after.items() if pair[0] and before.get(pair[0]) != pair[1]}
    found = {pair: successor(pair, came, after) for pair in gone}
    moved = Counter((city(a[0]), city(b[0])) for a, b in found.items() if b is not None)
    left = came - set(found.values())
    for pair in [pair for pair, became in found.items() if became is None and len(level(pair[0])) == 6]:
        others = [p for p, b in found.items() if b is None and city(p[0]) == city(pair[0]) and len(level(p[0])) == 6]
        homes = {b for (a, b), _ in moved.most_common() if a == city(pair[0])} or {city(pair[0])}
        fresh = [p for p in left if city(p[0]) in homes and len(level(p[0])) == 6]
        if len(others) == len(fresh) == 1:
            found[pair] = fresh[0]
    return found


def successor(pair: Pair, came: set[Pair], after: dict[str, str]) -> Pair | None:
    """What a division became, as far as codes and names tell."""
    code, name = pair
    if code in MERGED and MERGED[code] in after:
        return MERGED[code], after[MERGED[code]]
    near = [p for p in after.items() if city(p[0]) == city(code) and len(level(p[0])) == len(level(code))]
    far = [p for p in came if p[0][:2] == code[:2] and len(level(p[0])) == len(level(code))]
    for peers, same in ((near, str), (far, str), (near, root)):
        found = [p for p in peers if p[0] and same(p[1]) == same(name)]
        if len(found) == 1:
            return found[0]
    if code in after:
        return code, after[code]
    found = [p for p in far if root(p[1]) == root(name)]
    return found[0] if len(found) == 1 else None


def follow(pair: Pair, steps: dict[Pair, tuple[str, Pair | None]], present: dict[str, str]) -> str:
    """The present code that a former division leads to over all its changes; nothing when the track is lost."""
    seen: set[Pair] = set()
    while present.get(pair[0]) != pair[1]:
        if pair in seen or pair not in steps or steps[pair][1] is None:
            return MERGED[pair[0]] if MERGED.get(pair[0]) in present else ""
        seen.add(pair)
        pair = steps[pair][1] or pair
    return pair[0]


def city(code: str) -> str:
    """The city of a code; of a county under a municipality, the municipality."""
    return code[:2] if code[:2] in ("11", "12", "31", "50") else code[:4]


def level(code: str) -> str:
    """A code without the zeros of levels below."""
    return code[:2] if code.endswith("0000") else code[:4] if code.endswith("00") else code


def root(name: str) -> str:
    """A name without its ending and its peoples."""
    bare = PEOPLES.sub("", ENDING.sub("", name))
    return bare if len(bare) > 1 else name


def read(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    """Rows of a text file."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter=delimiter))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
