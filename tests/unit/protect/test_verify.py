"""A bundle is checked away from the platform, and nothing in it can be changed unseen."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cityloom.kernel.clock import FixedClock
from cityloom.kernel.errors import DataError, SourceError
from cityloom.kernel.note import parse_checkpoint, sign_note
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.protect.crypto import Ed25519Signer
from cityloom.protect.verify import VerifyReport, verify_bundle
from cityloom.store import audit
from cityloom.store.database import Store, metadata

CLOCK = FixedClock(datetime(2026, 11, 21, 7, 0, tzinfo=UTC))
ORIGIN = "city.example/audit"
SIGNER = Ed25519Signer.make(ORIGIN)
COUNT = 11
EARLIER = (0, 3, 8)
"""Sizes at which the log was signed on its way to ``COUNT``."""


def event(number: int) -> AuditEvent:
    return AuditEvent(kind=EventKind.SERVICE_ANSWERED, actor="ga", subject=f"服务:{number}", details={"rows": number})


def make_bundle(folder: Path, count: int, *, changed: int = -1, signer: Ed25519Signer = SIGNER) -> Path:
    store = Store(f"sqlite:///{folder / f'{count}{changed}.db'}")
    metadata.create_all(store.engine)
    path = folder / f"{count}{changed}.jsonl"
    with store.write() as connection:
        for number in range(count):
            if number in EARLIER:
                audit.checkpoint(connection, CLOCK, signer, ORIGIN)
            audit.append(connection, event(number if number != changed else 999), CLOCK)
        audit.export(connection, CLOCK, signer, ORIGIN, path)
    store.close()
    return path


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("audit"), COUNT)


def lines_of(bundle: Path) -> list[bytes]:
    return bundle.read_bytes().splitlines(keepends=True)


def place_of(lines: list[bytes], index: int) -> int:
    return next(i for i, line in enumerate(lines) if json.loads(line).get("index") == index)


def check(folder: Path, lines: list[bytes]) -> VerifyReport:
    path = folder / "changed.jsonl"
    path.write_bytes(b"".join(lines))
    return verify_bundle(path, SIGNER.vkey)


def codes(report: VerifyReport) -> set[str]:
    assert not report.is_verified
    return {p.code for p in report.problems}


def test_an_honest_bundle_is_verified(bundle: Path) -> None:
    report = verify_bundle(bundle, SIGNER.vkey)
    head = parse_checkpoint(json.loads(lines_of(bundle)[0])["checkpoint"])[0]
    assert report.is_verified and report.problems == ()
    assert (report.size, report.root, report.checkpoints) == (COUNT, head.root, 1 + len(EARLIER))


def test_an_empty_log_is_verified(tmp_path: Path) -> None:
    report = verify_bundle(make_bundle(tmp_path, 0), SIGNER.vkey)
    assert report.is_verified and report.size == 0


@pytest.mark.parametrize("index", range(COUNT))
def test_a_changed_leaf_is_found(bundle: Path, tmp_path: Path, index: int) -> None:
    lines = lines_of(bundle)
    at = place_of(lines, index)
    lines[at] = lines[at].replace(b'\\"rows\\":', b'\\"rows\\":1')
    assert codes(check(tmp_path, lines)) == {"root"}


def test_a_change_is_located_between_two_checkpoints(bundle: Path, tmp_path: Path) -> None:
    lines = lines_of(bundle)
    at = place_of(lines, 5)
    lines[at] = lines[at].replace(b"ga", b"gb")
    report = check(tmp_path, lines)
    assert report.checkpoints == 2
    assert [p.line for p in report.problems] == [place_of(lines, 8), 1]


@pytest.mark.parametrize("index", range(COUNT))
def test_a_removed_leaf_is_found(bundle: Path, tmp_path: Path, index: int) -> None:
    lines = lines_of(bundle)
    del lines[place_of(lines, index)]
    assert codes(check(tmp_path, lines)) & {"order", "size"}


@pytest.mark.parametrize("index", range(COUNT))
def test_a_removed_leaf_with_the_others_renumbered_is_found(bundle: Path, tmp_path: Path, index: int) -> None:
    lines = lines_of(bundle)
    del lines[place_of(lines, index)]
    assert codes(check(tmp_path, renumber(lines))) & {"root", "size"}


@pytest.mark.parametrize("index", range(COUNT + 1))
def test_an_added_leaf_is_found(bundle: Path, tmp_path: Path, index: int) -> None:
    lines = lines_of(bundle)
    at = place_of(lines, index) if index < COUNT else len(lines)
    lines.insert(at, lines[-1])
    assert codes(check(tmp_path, lines)) & {"order", "size"}
    assert codes(check(tmp_path, renumber(lines))) & {"root", "size"}


@pytest.mark.parametrize("index", range(COUNT - 1))
def test_two_leaves_in_the_other_order_are_found(bundle: Path, tmp_path: Path, index: int) -> None:
    lines = lines_of(bundle)
    one, two = place_of(lines, index), place_of(lines, index + 1)
    lines[one], lines[two] = lines[two], lines[one]
    assert codes(check(tmp_path, lines)) & {"order"}
    assert codes(check(tmp_path, renumber(lines))) & {"root"}


def renumber(lines: list[bytes]) -> list[bytes]:
    """What a careful forger does: indexes without a hole."""
    number, out = 0, []
    for line in lines:
        value = json.loads(line)
        if "index" in value:
            value["index"], number = number, number + 1
        out.append((audit.canonical(value) + "\n").encode())
    return out


@pytest.mark.parametrize("which", [0, *EARLIER[1:]])
@pytest.mark.parametrize(
    "change",
    [
        lambda note: note.replace("city.example", "city.exampie"),
        lambda note: note.replace(f"\n{note.splitlines()[1]}\n", "\n7\n"),
        lambda note: note[:-9] + ("A" if note[-9] != "A" else "B") + note[-8:],
        lambda note: note.replace(note.splitlines()[2], "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="),
        lambda note: note + "\n",
        lambda note: sign_note(parse_checkpoint(note)[0].body, Ed25519Signer.make(ORIGIN)),
        lambda note: "",
    ],
)
def test_a_changed_checkpoint_is_found(
    bundle: Path, tmp_path: Path, which: int, change: Callable[[str], str]
) -> None:
    lines = lines_of(bundle)
    at = place_of(lines, which) - 1 if which else 0
    note = json.loads(lines[at])["checkpoint"]
    lines[at] = (audit.canonical({"checkpoint": change(note)}) + "\n").encode()
    assert codes(check(tmp_path, lines)) & {"signature", "malformed"}


def test_an_older_checkpoint_in_the_newest_ones_place_is_found(bundle: Path, tmp_path: Path) -> None:
    lines = lines_of(bundle)
    lines[0] = lines[place_of(lines, 8) - 1]
    assert "size" in codes(check(tmp_path, lines))


def test_a_checkpoint_out_of_place_is_found(bundle: Path, tmp_path: Path) -> None:
    lines = lines_of(bundle)
    at = place_of(lines, 8)
    lines[at - 1], lines[at] = lines[at], lines[at - 1]
    assert codes(check(tmp_path, lines)) == {"size"}


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_change_of_any_byte_is_found(bundle: Path, tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(bundle.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    assert not check(tmp_path, [bytes(content)]).is_verified


def test_no_file_no_lines_and_no_json_are_reported(tmp_path: Path) -> None:
    assert not check(tmp_path, []).is_verified
    assert "malformed" in codes(check(tmp_path, [b"\xff\xfe\n"]))
    assert "malformed" in codes(check(tmp_path, [b"[" * 100_000 + b"\n"]))
    with pytest.raises(SourceError):
        verify_bundle(tmp_path / "none", SIGNER.vkey)


def test_another_key_verifies_nothing_and_no_key_is_refused(bundle: Path) -> None:
    assert "signature" in codes(verify_bundle(bundle, Ed25519Signer.make(ORIGIN).vkey))
    with pytest.raises(DataError):
        verify_bundle(bundle, "key")


def test_a_checkpoint_kept_elsewhere_convicts_even_who_holds_the_signing_key(bundle: Path, tmp_path: Path) -> None:
    kept = json.loads(lines_of(bundle)[0])["checkpoint"]
    assert verify_bundle(bundle, SIGNER.vkey, [kept]).is_verified
    assert verify_bundle(make_bundle(tmp_path, COUNT + 5), SIGNER.vkey, [kept]).is_verified
    forged = make_bundle(tmp_path, COUNT + 5, changed=4)
    assert verify_bundle(forged, SIGNER.vkey).is_verified
    assert codes(verify_bundle(forged, SIGNER.vkey, [kept])) == {"root"}
    assert codes(verify_bundle(make_bundle(tmp_path, COUNT - 1), SIGNER.vkey, [kept])) == {"cut"}
