"""Signed notes against the published example of the signed note format, and key files."""

from __future__ import annotations

import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cityloom.kernel.errors import ConfigError, DataError
from cityloom.kernel.note import Checkpoint, parse_checkpoint, sign_note, split_note
from cityloom.protect.crypto import Ed25519Signer, Ed25519Verifier
from cityloom.protect.keys import load_or_make_keys
from cityloom.protect.pseudonym import subject_digest

# The example of the signed note package of Go (golang.org/x/mod/sumdb/note).
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
CHECKPOINT = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
)


def test_the_published_note_verifies_and_a_changed_one_does_not() -> None:
    verifier = Ed25519Verifier.of(VKEY)
    assert verifier.has_signed(NOTE)
    assert not verifier.has_signed(NOTE.replace("answer", "Answer"))
    assert not verifier.has_signed(NOTE.replace("ZJkuBS", "ZJkuBT"))
    assert not verifier.has_signed(NOTE.replace("PeterNeumann", "EnochRoot"))


def test_the_published_checkpoint_parses_and_reads_the_same_again() -> None:
    found, signatures = parse_checkpoint(CHECKPOINT)
    assert (found.origin, found.size) == ("example.com/behind-the-sofa", 20852163)
    assert found.body + "\n" == CHECKPOINT[: CHECKPOINT.index("\u2014")]
    assert [s.name for s in signatures] == ["example.com/behind-the-sofa"]


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.replace("20852163", "020852163"),
        lambda t: t.replace("20852163", "-1"),
        lambda t: t.replace("20852163", "２０"),
        lambda t: t.replace("jxq2I=", "jxq2J="),
        lambda t: t.replace("q2I=\n", "q2I=\nextra\n"),
        lambda t: t.replace("\n\n", "\n"),
        lambda t: t[:-1],
        lambda t: t.replace("\u2014 ", "- "),
        lambda t: t[: t.index("\u2014")],
        lambda t: "",
    ],
)
def test_a_checkpoint_has_one_form(change: object) -> None:
    with pytest.raises(DataError) as caught:
        parse_checkpoint(change(CHECKPOINT))  # type: ignore[operator]
    assert caught.value.code == "kernel.note.malformed"


def test_a_signed_checkpoint_verifies_with_the_text_of_its_key() -> None:
    signer = Ed25519Signer.make("city.example/audit")
    note = sign_note(Checkpoint("city.example/audit", 3, b"\x01" * 32).body, signer)
    assert Ed25519Verifier.of(signer.vkey).has_signed(note)
    assert not Ed25519Verifier.of(Ed25519Signer.make("city.example/audit").vkey).has_signed(note)
    assert split_note(note)[1][0].key_hash == signer.key_hash


@pytest.mark.parametrize("text", ["", "a+b", "name+00000000+ARpc", VKEY[:-1], VKEY.replace("c7", "c8")])
def test_a_damaged_key_is_refused(text: str) -> None:
    with pytest.raises(DataError) as caught:
        Ed25519Verifier.of(text)
    assert caught.value.code == "kernel.note.key"


def test_a_signer_hides_its_key_when_shown() -> None:
    assert "Ed25519PrivateKey" not in repr(Ed25519Signer.make("a"))


def test_keys_are_made_once_and_only_the_owner_reads_secrets(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    first = load_or_make_keys(folder, "city.example/audit")
    second = load_or_make_keys(folder, "renamed.example")
    assert (first.vkey, first.masking, first.audit.pem) == (second.vkey, second.masking, second.audit.pem)
    assert second.audit.name == "city.example/audit"
    assert len(first.masking) == 32
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()}
    assert modes["audit.pem"] == modes["mask.key"] == 0o600
    assert set(modes) == {"audit.pem", "audit.vkey", "mask.key"}
    assert first.masking.hex() not in repr(first)


def test_makers_at_the_same_time_end_with_the_same_keys(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: load_or_make_keys(tmp_path / "keys"), range(16)))
    assert len({(k.vkey, k.masking) for k in made}) == 1


@pytest.mark.parametrize("died_before", ["mask.key", "audit.vkey", "audit.pem"])
def test_a_maker_that_died_half_way_is_continued(tmp_path: Path, died_before: str) -> None:
    made = load_or_make_keys(tmp_path)
    for name in ("mask.key", "audit.vkey", "audit.pem"):
        (tmp_path / name).unlink()
        if name == died_before:
            break
    (tmp_path / f".{died_before}.draft_0").write_bytes(b"half a ke")
    again = load_or_make_keys(tmp_path)
    assert (again.vkey == made.vkey) == (died_before != "audit.pem")
    assert load_or_make_keys(tmp_path).vkey == again.vkey


def test_a_missing_verifier_key_is_made_again_and_a_foreign_one_refused(tmp_path: Path) -> None:
    first = load_or_make_keys(tmp_path)
    os.remove(tmp_path / "audit.vkey")
    assert load_or_make_keys(tmp_path).vkey == first.vkey
    (tmp_path / "audit.vkey").write_text(Ed25519Signer.make(first.audit.name).vkey)
    with pytest.raises(ConfigError) as caught:
        load_or_make_keys(tmp_path)
    assert caught.value.code == "protect.key.mismatch"


def test_a_broken_signing_key_is_refused_not_replaced(tmp_path: Path) -> None:
    load_or_make_keys(tmp_path)
    (tmp_path / "audit.pem").write_bytes(b"nothing")
    with pytest.raises(ConfigError) as caught:
        load_or_make_keys(tmp_path)
    assert caught.value.code == "protect.key.unreadable"
    assert (tmp_path / "audit.pem").read_bytes() == b"nothing"


def test_a_pseudonym_is_stable_under_one_key_and_differs_under_another() -> None:
    one = subject_digest(b"k" * 32, "11010519491231002X")
    assert one == subject_digest(b"k" * 32, "11010519491231002X") and len(one) == 24
    assert one != subject_digest(b"l" * 32, "11010519491231002X")
    assert one != subject_digest(b"k" * 32, "11010519491231002x")


def test_a_signer_from_a_published_seed_has_the_published_key() -> None:
    raw = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")
    signer = Ed25519Signer("PeterNeumann", Ed25519PrivateKey.from_private_bytes(raw[1:]))
    assert signer.vkey == VKEY
    assert sign_note(NOTE[: NOTE.index("\n\n") + 1], signer) == NOTE
