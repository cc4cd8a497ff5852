"""Files of a folder and members of archives as slices; listings, digests and what is kept of transfers."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.unit.collect.conftest import Bench

from cityloom.collect.depot import FOLDER, Depot, Manifest, open_depot
from cityloom.collect.files import file_slices, held_file, open_folder, require_unchanged
from cityloom.collect.listing import claim_of
from cityloom.collect.place import PACKAGE, Entry, build_place
from cityloom.collect.places.s3 import S3, _Session
from cityloom.collect.transfer import digest_of
from cityloom.kernel.errors import CityLoomError, ConfigError, DataError, SourceError
from cityloom.kernel.registry import plugins


def slices(folder: Path, pattern: str, **place: Any):
    return list(file_slices(open_folder(folder, ".", place), pattern))


def names(folder: Path, pattern: str, **place: Any) -> list[str]:
    return [piece.origin for piece in slices(folder, pattern, **place)]


def code(folder: Path, pattern: str, **place: Any) -> str:
    try:
        return next(p.error.code for p in slices(folder, pattern, **place) if p.error)
    except CityLoomError as error:
        return error.code


def touch(folder: Path, *paths: str) -> None:
    for name in paths:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def zipped(path: Path, members: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.csv", ["a.csv", "b.csv"]),
        ("?.csv", ["a.csv", "b.csv"]),
        ("[ab].csv", ["a.csv", "b.csv"]),
        ("*/*.csv", ["in/c.csv"]),
        ("in/*.csv", ["in/c.csv"]),
        ("./in/*.csv", ["in/c.csv"]),
        ("**/*.csv", ["a.csv", "b.csv", "in/c.csv", "in/deep/d.csv"]),
        ("in/**/*.csv", ["in/c.csv", "in/deep/d.csv"]),
        ("**", ["a.csv", "b.csv", "in/c.csv", "in/deep/d.csv", "note.txt"]),
        ("nowhere/*.csv", []),
        ("a.csv/*.csv", []),
    ],
)
def test_a_pattern_finds_files_in_order_of_their_names(tmp_path: Path, pattern: str, found: list[str]) -> None:
    touch(tmp_path, "b.csv", "a.csv", "in/c.csv", "in/deep/d.csv", "note.txt")
    touch(tmp_path, ".hidden.csv", "~$a.csv", "a.csv.part", "in/x.tmp", ".git/y.csv", "z.filepart")
    assert names(tmp_path, pattern) == found


@pytest.mark.parametrize("pattern", ["../*.csv", "/etc/*", "in/../../*", ""])
def test_a_pattern_stays_in_its_folder(tmp_path: Path, pattern: str) -> None:
    assert code(tmp_path, pattern) == "collect.pattern.outside"


def test_local_files_are_read_where_they_are(tmp_path: Path) -> None:
    touch(tmp_path, "a.csv")
    (piece,) = slices(tmp_path, "*.csv")
    assert held_file(piece).path == tmp_path / "a.csv"
    assert piece.digest == hashlib.sha256(b"a.csv").hexdigest()
    require_unchanged(piece)
    (tmp_path / "a.csv").write_bytes(b"other")
    with pytest.raises(SourceError, match="changed"):
        require_unchanged(piece)
    assert not (tmp_path / FOLDER).exists()


def test_a_local_file_may_wait_for_its_mark_and_its_list(tmp_path: Path) -> None:
    touch(tmp_path, "a.csv", "a.csv.ok", "b.csv", "b.ok", "c.csv")
    assert names(tmp_path, "*", ready=".ok") == ["a.csv", "b.csv"]
    (tmp_path / "SUMS").write_text(f"{'0' * 32}  a.csv\n{'1' * 32} *./gone.csv\n# nothing\n")
    assert names(tmp_path, "*.csv", sums="SUMS") == ["a.csv", "gone.csv"]


def test_a_file_beside_another_that_tells_its_digest_is_no_delivery(tmp_path: Path) -> None:
    touch(tmp_path, "a.csv", "a.csv.md5", "alone.sha256")
    assert names(tmp_path, "*") == ["a.csv", "alone.sha256"]


def test_names_of_a_place_never_leave_the_folder() -> None:
    from cityloom.collect.listing import Walk

    class Evil:
        is_exact = True

        def entries(self, folder: str):
            for name in ("../etc/passwd", "/etc/passwd", "a/b.csv", "..", "", "good.csv", "nul\0.csv"):
                yield Entry(name)

    walk = Walk(Evil())  # type: ignore[arg-type]
    walk.go(("*",))
    assert [e.name for e in walk.matched] == ["good.csv"]


def test_members_are_slices_of_their_own(bench: Bench) -> None:
    zipped(bench.folder / "a.zip", {"in/1.csv": b"n\n1\n", "in/2.csv": b"n\n2\n", "readme.txt": b"x", "__MACOSX/._1.csv": b"?"})
    (bench.folder / "b.csv.gz").write_bytes(gzip.compress(b"n\n3\n"))
    assert bench.csv(["n"], {"pattern": "*.zip!in/*.csv"}).written == 2
    assert bench.csv(["n"], {"pattern": "*.csv.gz"}).written == 1
    again = bench.csv(["n"], {"pattern": "*.zip!in/*.csv"})
    assert (again.written, again.summary["skipped"]) == (0, 2)
    zipped(bench.folder / "a.zip", {"in/1.csv": b"n\n1\n", "in/2.csv": b"n\n20\n"})
    assert bench.csv(["n"], {"pattern": "*.zip!in/*.csv"}).written == 1
    assert sorted(bench.rows("n")) == [("1",), ("20",), ("3",)]
    assert list((bench.folder / FOLDER).glob("*/*.data*")) == []


def test_archives_that_are_broken_or_too_much_are_told(tmp_path: Path) -> None:
    zipped(tmp_path / "bomb.zip", {"a.csv": bytes(64 << 20)})
    assert code(tmp_path, "bomb.zip!*.csv") == "collect.zip.bomb"
    assert code(tmp_path, "bomb.zip!*.csv", ratio_limit=5000, total_limit_mb=32) == "collect.zip.bomb"
    assert names(tmp_path, "bomb.zip!*.csv", ratio_limit=5000) == ["bomb.zip!a.csv"]
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(64 << 20)))
    assert code(tmp_path, "bomb.gz") == "collect.zip.bomb"
    content = gzip.compress(os.urandom(1 << 20))
    (tmp_path / "cut.gz").write_bytes(content[:-500])
    assert code(tmp_path, "cut.gz") == "collect.zip.damaged"
    (tmp_path / "text.zip").write_bytes(b"no zip")
    assert code(tmp_path, "text.zip!*") == "collect.zip.damaged"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.csv", b"a" * 5000)
    raw = bytearray(packed.getvalue())
    raw[100] ^= 0xFF
    (tmp_path / "crc.zip").write_bytes(raw)
    assert code(tmp_path, "crc.zip!*") == "collect.zip.damaged"
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
        archive.writestr("a.csv", b"1")
        with pytest.warns(UserWarning):
            archive.writestr("a.csv", b"2")
    assert code(tmp_path, "twice.zip!*") == "collect.zip.repeated"
    zipped(tmp_path / "else.zip", {"a.txt": b"1"})
    assert code(tmp_path, "else.zip!*.csv") == "collect.archive.empty"


def test_patterns_for_members_are_checked(tmp_path: Path) -> None:
    touch(tmp_path, "a.rar")
    assert code(tmp_path, "*.rar!*") == "collect.archive.unknown"
    assert code(tmp_path, "a.rar!b!c") == "collect.pattern.nested"
    assert code(tmp_path, "a.rar!") == "collect.pattern.nested"


def test_wrong_options_of_a_place_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as failure:
        build_place({"kind": "ftps"}, tmp_path)
    assert "local" in failure.value.hint
    with pytest.raises(ConfigError) as failure:
        build_place({"kind": "sftp", "host": "h", "user": "u", "passwort": "secret"}, tmp_path)
    assert failure.value.details["option"] == "passwort"
    assert "secret" not in str(failure.value)


@pytest.mark.parametrize("cls", plugins(PACKAGE).values(), ids=lambda c: c.name)
def test_each_case_of_a_place_is_valid(cls: type[Any], tmp_path: Path) -> None:
    for case in cls.cases:
        assert build_place({"kind": cls.name, **case}, tmp_path).name == cls.name


@pytest.mark.parametrize(
    ("text", "name", "claim"),
    [
        (f"{'a' * 64}  x.csv\n", "x.csv.sha256", f"sha256:{'a' * 64}"),
        (f"{'A' * 32}", "x.csv.md5", f"md5:{'a' * 32}"),
        (f"SHA1 (x.csv) = {'b' * 40}", "x.csv.sha1", f"sha1:{'b' * 40}"),
        (f"{'c' * 64}", "x.csv.sm3", f"sm3:{'c' * 64}"),
        ("nothing here", "x.csv.md5", ""),
    ],
)
def test_a_sidecar_is_read(text: str, name: str, claim: str) -> None:
    assert claim_of(text.encode(), name) == claim


def test_digests_of_whole_files_and_of_their_parts(tmp_path: Path) -> None:
    path = tmp_path / "a"
    content = os.urandom((5 << 20) + 7)
    path.write_bytes(content)
    assert digest_of(path, "sha256") == hashlib.sha256(content).hexdigest()
    assert digest_of(path, "sm3") == hashlib.new("sm3", content).hexdigest()
    parts = [content[i : i + (2 << 20)] for i in range(0, len(content), 2 << 20)]
    whole = hashlib.md5(b"".join(hashlib.md5(p).digest() for p in parts)).hexdigest()
    assert digest_of(path, f"md5/{2 << 20}") == whole


def test_an_entity_tag_over_parts_is_a_claim_where_the_store_tells_their_size() -> None:
    class Store:
        def __init__(self, **head: Any) -> None:
            self.head = head

        def head_object(self, **asked: Any) -> dict[str, Any]:
            return {"ContentLength": 5, "PartsCount": 2, **self.head} if "PartNumber" in asked else self.head

    tag = f'"{"a" * 32}-2"'
    place = S3(bucket="b")
    session = _Session(Store(), "b", "", place)
    assert session.checksum(Entry("x", version=tag)) == f"md5/5:{'a' * 32}"
    assert session.checksum(Entry("x", version=f'"{"a" * 32}"')) == f"md5:{'a' * 32}"
    assert session.checksum(Entry("x", version='"other"')) == ""
    secret = _Session(Store(ServerSideEncryption="aws:kms"), "b", "", place)
    assert secret.checksum(Entry("x", version=f'"{"a" * 32}"')) == ""


def test_what_nobody_asked_for_is_removed(tmp_path: Path) -> None:
    with open_depot(tmp_path, {"a": 1}) as depot:
        for name in ("old.csv", "new.csv"):
            depot.keep(Manifest(name=name, size=1))
            depot.path(name).write_bytes(b"x")
    with open_depot(tmp_path, {"a": 1}) as depot:
        assert depot.manifest("new.csv") == Manifest(name="new.csv", size=1)
        depot.prune()
        assert depot.manifest("old.csv") is None
        assert depot.path("new.csv").exists()


def test_a_broken_manifest_is_none(tmp_path: Path) -> None:
    depot = Depot(tmp_path)
    depot.keep(Manifest(name="a", size=1))
    (path,) = tmp_path.glob("*.json")
    for text in ("{", "[1]", "null", '{"name": "b", "size": 1}', '{"name": "a"}', ""):
        path.write_text(text)
        assert depot.manifest("a") is None


def test_a_full_disk_is_told_before(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as failure:
        Depot(tmp_path).require_room(1 << 60, "a.csv")
    assert failure.value.code == "collect.transfer.space"


def test_the_same_member_is_checked_when_it_is_unpacked_later(tmp_path: Path) -> None:
    zipped(tmp_path / "a.zip", {"a.csv": b"1"})
    pieces = file_slices(open_folder(tmp_path, "."), "a.zip!*")
    piece = next(pieces)
    zipped(tmp_path / "a.zip", {"a.csv": b"2"})
    with pytest.raises((SourceError, DataError)):
        held_file(piece)


def test_what_belongs_to_a_member_is_unpacked_with_it(tmp_path: Path) -> None:
    zipped(tmp_path / "a.zip", {"in/T.DBF": b"table", "in/T.FPT": b"memo", "other.fpt": b"?"})
    for piece in file_slices(open_folder(tmp_path, "."), "a.zip!in/*.DBF"):
        path = held_file(piece).path
        assert (path.read_bytes(), path.with_suffix(".fpt").read_bytes()) == (b"table", b"memo")
    assert list((tmp_path / FOLDER).glob("*/*.data*")) == []
