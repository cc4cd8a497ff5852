"""Documents: features and text, originals by digest, hostile files, likeness, search."""

from __future__ import annotations

import wave
import zipfile
from pathlib import Path

import pytest
import xlsxwriter

from cityloom.collect.connectors.documents import Documents
from cityloom.collect.documents import near
from cityloom.collect.documents.features import COLUMNS
from cityloom.collect.documents.search import DocumentIndex, Entry
from cityloom.collect.documents.worker import Parser
from cityloom.kernel.errors import ConfigError, DataError
from cityloom.lake.objects import ObjectStore

pytest.importorskip("kreuzberg")
NOTICE = "关于加强政务数据共享工作的通知。各区人民政府、市直各单位：为贯彻落实国务院要求，现就有关事项通知如下，请认真执行。" * 3
_PART = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
_RELATION = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>'
)
_BODY = '<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:body></w:document>'


def docx(path: Path, text: str) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("[Content_Types].xml", _PART)
        file.writestr("_rels/.rels", _RELATION)
        file.writestr("word/document.xml", _BODY.format(text))
    return path


def rows_of(connector: Documents) -> dict[str, dict[str, str | None]]:
    found = {}
    for piece in connector.slices({}):
        assert piece.error is None
        for batch in connector.read(piece, None):
            found |= {row["path"]: row for row in batch.to_pylist()}
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "in" / "sub"
    made.mkdir(parents=True)
    return made.parent


def test_each_kind_gives_its_features(folder: Path, tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    docx(folder / "notice.docx", NOTICE)
    (folder / "sub" / "gbk.txt").write_bytes(NOTICE.encode("gb18030"))
    picture = pillow.new("RGB", (32, 20))
    exif = pillow.Exif()
    exif[0x0132] = "2024:01:02 03:04:05"
    picture.save(folder / "p.jpg", exif=exif)
    with wave.open(str(folder / "s.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\0\0" * 16000)
    with xlsxwriter.Workbook(folder / "list.xlsx") as book:
        book.set_properties({"title": "花名册", "author": "王五"})
        book.add_worksheet("一").write(0, 0, "姓名")
    rows = rows_of(Documents(folder="in", base=tmp_path))
    assert set(next(iter(rows.values()))) == {*COLUMNS, "_row"}
    assert rows["notice.docx"]["text"] == NOTICE
    assert rows["sub/gbk.txt"]["text"] == NOTICE
    assert rows["sub/gbk.txt"]["characters"] == str(len(NOTICE))
    assert (rows["p.jpg"]["width"], rows["p.jpg"]["height"], rows["p.jpg"]["changed_at"]) == ("32", "20", "2024:01:02 03:04:05")
    assert rows["s.wav"]["seconds"] == "2.0"
    assert (rows["list.xlsx"]["title"], rows["list.xlsx"]["author"], rows["list.xlsx"]["pages"]) == ("花名册", "王五", "1")


def test_a_file_that_cannot_be_parsed_is_kept_with_the_reason(folder: Path, tmp_path: Path) -> None:
    (folder / "bad.pdf").write_bytes(b"%PDF-1.4 broken")
    (folder / "empty.docx").write_bytes(b"")
    (folder / "x.bin").write_bytes(bytes(range(256)))
    rows = rows_of(Documents(folder="in", base=tmp_path))
    assert len(rows) == 3
    assert all(row["problem"] for row in rows.values())
    kept = ObjectStore(tmp_path / "lake" / "objects")
    assert kept.path(rows["x.bin"]["sha256"] or "").read_bytes() == bytes(range(256))


def test_the_same_content_is_kept_and_parsed_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docx(folder / "a.docx", NOTICE)
    (folder / "sub" / "b.docx").write_bytes((folder / "a.docx").read_bytes())
    rows = rows_of(Documents(folder="in", base=tmp_path))
    assert rows["a.docx"]["sha256"] == rows["sub/b.docx"]["sha256"]
    originals = [p for p in (tmp_path / "lake" / "objects").rglob("*") if p.is_file() and not p.suffix]
    assert len(originals) == 1

    def never(*_given: object) -> None:
        raise AssertionError("parsed again")

    monkeypatch.setattr(Parser, "parse", never)
    assert rows_of(Documents(folder="in", base=tmp_path)) == rows


def test_a_folder_is_a_slice_that_changes_with_its_files(folder: Path, tmp_path: Path) -> None:
    (folder / "a.txt").write_text("一")
    (folder / "z.txt").write_text("零")
    (folder / "sub" / "b.txt").write_text("二")
    connector = Documents(folder="in", base=tmp_path)
    before = {piece.origin: piece.digest for piece in connector.slices({})}
    assert sorted(rows_of(connector)) == ["a.txt", "sub/b.txt", "z.txt"]
    (folder / "sub" / "c.txt").write_text("三")
    after = {piece.origin: piece.digest for piece in connector.slices({})}
    assert set(before) == {".", "sub"}
    assert before["."] == after["."]
    assert before["sub"] != after["sub"]


def test_a_parser_that_hangs_or_dies_costs_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_text("words that can be read")
    parser = Parser(seconds=20)
    try:
        assert parser.parse(path, "a.txt").text == "words that can be read"
        process = parser._process
        assert process is not None
        process.kill()
        process.wait()
        assert parser.parse(path, "a.txt").text == "words that can be read"
        monkeypatch.setattr(Parser, "_answer", lambda *_given: None)
        assert parser.parse(path, "a.txt").problem
        monkeypatch.undo()
        assert parser.parse(path, "a.txt").problem is None
    finally:
        parser.close()


def test_an_unknown_feature_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"no feature colour"):
        list(Documents(folder="in", fields=("colour",), base=tmp_path).slices({}))


def test_groups_of_the_same_and_of_nearly_the_same() -> None:
    pytest.importorskip("datasketch")
    other = "完全不同的另外一份文件，讲的是别的事情，与上面没有任何关系，是气象局的内容说明与附件。"
    found = near.find_groups(
        [
            near.Document("a", "1", NOTICE),
            near.Document("b", "2", NOTICE + "  "),
            near.Document("c", "3", NOTICE.replace("认真", "严格")),
            near.Document("d", "1", NOTICE),
            near.Document("e", "5", other),
            near.Document("f", "6", None),
            near.Document("g", "7", "短"),
        ]
    )
    assert [(g.kind, g.paths) for g in found] == [("near", ("a", "c")), ("same", ("a", "d")), ("same text", ("a", "b"))]
    assert all(0.8 <= g.likeness <= 1 for g in found)


@pytest.mark.parametrize(
    ("words", "paths"),
    [
        ("数据共享", ["a"]),
        ("政务 report", []),
        ("REPORT 2025", ["b"]),
        ("2025年", ["a"]),
        ("享工", ["a"]),
        ("工享", []),
        ("知", ["a"]),
        ('" OR * (', []),
        ("", []),
    ],
)
def test_text_is_found_by_its_words(tmp_path: Path, words: str, paths: list[str]) -> None:
    index = DocumentIndex(tmp_path / "i.db")
    assert index.version() is None
    entries = [
        Entry("a", "通知", "x", "1", "关于加强政务数据共享工作的通知，2025年第一号"),
        Entry("b", "Report", "x", "2", "Annual report 2025 about 数据"),
    ]
    assert index.build(entries, 7) == 2
    assert index.version() == 7
    assert [hit.path for hit in index.search(words)] == paths


def test_a_lost_original_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        ObjectStore(tmp_path).path("ab" * 32)
    assert caught.value.code == "lake.original.missing"
