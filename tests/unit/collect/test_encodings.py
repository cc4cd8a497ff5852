"""The encoding of a text is told from its bytes: what departments write first, other languages where they are plain."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cityloom.collect.encodings import FAMILIES, decodes, detect, rank
from cityloom.collect.text import choose, resolve
from cityloom.kernel.errors import ConfigError, DataError

ADDRESS = "\u6df1\u5733\u5e02\u5357\u5c71\u533a\u79d1\u6280\u56ed\u8def12\u53f7"
TEXTS = {
    "gb18030": f"\u59d3\u540d,\u4f4f\u5740\n\u5f20\u4e09,{ADDRESS}\n",
    "big5": "\u59d3\u540d,\u4f4f\u5740\n\u5f35\u4e09,\u81fa\u5317\u5e02\u5927\u5b89\u5340\u548c\u5e73\u6771\u8def\u7684\u5730\u5740\n",
    "shift_jis": "\u6c0f\u540d,\u4f4f\u6240\n\u5c71\u7530,\u6771\u4eac\u90fd\u5343\u4ee3\u7530\u533a\u306b\u3042\u308b\u5e02\u5f79\u6240\u3067\u3059\n",
    "euc_jp": "\u6c0f\u540d,\u4f4f\u6240\n\u5c71\u7530,\u6771\u4eac\u90fd\u5343\u4ee3\u7530\u533a\u306b\u3042\u308b\u5e02\u5f79\u6240\u3067\u3059\n",
    "euc_kr": "\uc774\ub984,\uc8fc\uc18c\n\uae40\ucca0\uc218,\uc11c\uc6b8\ud2b9\ubcc4\uc2dc \uac15\ub0a8\uad6c\uc5d0 \uc788\ub294 \uc9d1\uc785\ub2c8\ub2e4\n",
    "cp1251": "\u0438\u043c\u044f,\u0430\u0434\u0440\u0435\u0441\n\u0418\u0432\u0430\u043d\u043e\u0432,\u0433\u043e\u0440\u043e\u0434 \u041c\u043e\u0441\u043a\u0432\u0430, \u0443\u043b\u0438\u0446\u0430 \u041b\u0435\u043d\u0438\u043d\u0430\n",
    "koi8_r": "\u0438\u043c\u044f,\u0430\u0434\u0440\u0435\u0441\n\u0418\u0432\u0430\u043d\u043e\u0432,\u0433\u043e\u0440\u043e\u0434 \u041c\u043e\u0441\u043a\u0432\u0430, \u0443\u043b\u0438\u0446\u0430 \u041b\u0435\u043d\u0438\u043d\u0430\n",
    "cp1250": "jm\u00e9no,m\u011bsto\nDvo\u0159\u00e1k,\u010cesk\u00e9 Bud\u011bjovice p\u0159\u00edli\u0161 \u017elu\u0165ou\u010dk\u00fd k\u016f\u0148\n",
    "cp1252": "nom,ville\nLef\u00e8vre,Orl\u00e9ans \u00e0 c\u00f4t\u00e9 de la for\u00eat, o\u00f9 l\u2019\u00e9t\u00e9 a \u00e9t\u00e9 tr\u00e8s s\u00e9v\u00e8re\n",
    "cp1254": "ad,\u015fehir\n\u00d6zg\u00fcr,\u0130stanbul b\u00fcy\u00fck\u015fehir belediyesi i\u00e7in \u0131\u015f\u0131k ve g\u00fcne\u015f\n",
    "cp1253": "\u03cc\u03bd\u03bf\u03bc\u03b1,\u03c0\u03cc\u03bb\u03b7\n\u0393\u03b9\u03ce\u03c1\u03b3\u03bf\u03c2,\u0391\u03b8\u03ae\u03bd\u03b1 \u03ba\u03b1\u03b9 \u03b7 \u03b8\u03ac\u03bb\u03b1\u03c3\u03c3\u03b1\n",
    "cp1255": "\u05e9\u05dd,\u05e2\u05d9\u05e8\n\u05d9\u05d5\u05e1\u05e3,\u05d9\u05e8\u05d5\u05e9\u05dc\u05d9\u05dd \u05d4\u05d9\u05d0 \u05e2\u05d9\u05e8 \u05d2\u05d3\u05d5\u05dc\u05d4\n",
    "cp874": "\u0e0a\u0e37\u0e48\u0e2d,\u0e40\u0e21\u0e37\u0e2d\u0e07\n\u0e2a\u0e21\u0e0a\u0e32\u0e22,\u0e01\u0e23\u0e38\u0e07\u0e40\u0e17\u0e1e\u0e21\u0e2b\u0e32\u0e19\u0e04\u0e23\u0e40\u0e1b\u0e47\u0e19\u0e40\u0e21\u0e37\u0e2d\u0e07\u0e2b\u0e25\u0e27\u0e07\n",
}
COMMON = "\u7684\u4e00\u662f\u5728\u4e0d\u4e86\u6709\u548c\u4eba\u8fd9\u4e2d\u5927\u4e3a\u4e0a\u4e2a\u56fd\u6211\u4ee5\u8981\u4ed6\u5e02\u533a\u8def\u53f7\u5f20\u674e\u738b\u5218\u9648\u6768\u8d75\u9ec4\u5468\u5434\u660e\u534e\u4f1f\u82b3\u519b\u5e73\u6797\u7389\u6587\u5fd7\u5efa\u6c11\u4e1c\u5357\u897f\u5317\u5c71\u6cb3\u6e56\u6d77"


def write(folder: Path, content: bytes) -> Path:
    """A file."""
    path = folder / "a.txt"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("encoding", TEXTS)
def test_the_encoding_is_told_by_what_reads_like_a_language(tmp_path, encoding):
    path = write(tmp_path, TEXTS[encoding].encode(encoding))
    guess = detect(path)
    assert path.read_bytes().decode(guess.encoding) == TEXTS[encoding]
    assert guess.is_sure


@settings(max_examples=200)
@given(st.lists(st.text(st.sampled_from(COMMON), min_size=2, max_size=6), min_size=1, max_size=12))
def test_a_few_chinese_words_are_enough(tmp_path_factory, words):
    content = ("name,n\n" + "".join(f"{word},1\n" for word in words)).encode("gb18030")
    path = write(tmp_path_factory.mktemp("few"), content)
    assert choose(path, "a.txt", "auto").encoding in ("gb18030", "utf-8")
    assert path.read_bytes().decode(choose(path, "a.txt", "auto").encoding) or True


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"plain ascii", "utf-8"),
        (ADDRESS.encode(), "utf-8"),
        (f"{ADDRESS}\n".encode("utf-16-le") * 3, "utf-16-le"),
        (f"{ADDRESS}\n".encode("utf-16-be") * 3, "utf-16-be"),
        (b"plain ascii, in two bytes".decode().encode("utf-32-be"), "utf-32-be"),
        ("\u6771\u4eac\u306e\u5e02".encode("iso2022_jp"), "iso2022_jp"),
        ("\u5f20\u4e09\u674e\u56db".encode("hz"), "hz"),
        (b"a ~{ in plain text", "utf-8"),
    ],
)
def test_what_can_only_be_one_is_proven(tmp_path, content, encoding):
    guess = detect(write(tmp_path, content))
    assert (guess.encoding, guess.lead) == (encoding, None)


def test_one_damaged_character_changes_nothing(tmp_path):
    text = (f"{ADDRESS},\u5f20\u4e09\n" * 50).encode()
    path = write(tmp_path, text[:1000] + b"\xff" + text[1000:])
    assert detect(path).encoding == "utf-8"
    with pytest.raises(DataError) as caught:
        resolve(path, "a.txt", "auto")
    assert caught.value.code == "collect.file.undecodable"
    gb = (f"{ADDRESS},\u5f20\u4e09\n" * 50).encode("gb18030")
    assert detect(write(tmp_path, gb[:999] + b"\xff\xff" + gb[999:])).encoding == "gb18030"


def test_what_comes_late_in_a_file_counts(tmp_path):
    plain = b"1,2024-01-01,plain ascii all the way\n" * 60_000
    path = write(tmp_path, plain + TEXTS["big5"].encode("big5") * 3)
    assert detect(path).encoding == "big5"
    path = write(tmp_path, plain + b"\xe5\xbc\xa0,\xff\n")
    assert not decodes(path, "utf-8")


def test_too_little_is_not_guessed_from(tmp_path):
    with pytest.raises(DataError) as caught:
        choose(write(tmp_path, b"price\n1\n\xa3 2\n"), "a.txt", "auto")
    assert caught.value.code == "collect.encoding.doubtful"
    assert (caught.value.details["line"], caught.value.details["column"]) == (3, 1)


def test_a_declared_encoding_is_taken_and_an_unknown_one_refused(tmp_path):
    path = write(tmp_path, TEXTS["big5"].encode("big5"))
    assert resolve(path, "a.txt", "big5").encoding == "big5"
    for wrong in ("klingon", "rot13", "base64"):
        with pytest.raises(ConfigError) as caught:
            choose(path, "a.txt", wrong)
        assert caught.value.code == "collect.encoding.unknown"


def test_every_family_can_be_priced():
    prices = rank("".join(TEXTS.values()).encode("utf-16-le"))
    assert {encoding for encoding, _ in prices} <= {e for family in FAMILIES for e in family.encodings}
    assert [price for _, price in prices] == sorted(price for _, price in prices)
