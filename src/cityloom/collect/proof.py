"""A batch's receipt as proof: its digest, where the audit log holds it, and what anyone can check without the platform.

The event ``batch.landed`` carries the digest of the receipt's document; the log's signed head covers the event. A
*receipt file* holds the document, the event as it was written, the hashes up to the signed head, and the public key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cityloom.kernel import merkle
from cityloom.kernel.errors import CityLoomError, DataError
from cityloom.kernel.i18n import _
from cityloom.kernel.note import Signer, parse_checkpoint, sign_note, split_note
from cityloom.model.batch import Batch
from cityloom.protect.crypto import Ed25519Verifier

FORMAT = "cityloom-receipt/1"
_MARK = "cityloom-receipt"


def document(batch: Batch) -> dict[str, Any]:
    """What a receipt says: the batch, and the figures of both sides."""
    return {
        "batch": batch.id,
        "resource": batch.resource,
        "origin": batch.origin,
        "digest": batch.digest,
        "position": batch.position,
        "version": batch.version,
        "receipt": asdict(batch.receipt) if batch.receipt else None,
    }


def digest_of(batch: Batch) -> str:
    """sha256 of a receipt's document as canonical JSON."""
    return document_digest(document(batch))


def document_digest(value: Mapping[str, Any]) -> str:
    """sha256 of a document: keys sorted, no blanks, UTF-8."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def receipt_body(batch: Batch) -> dict[str, Any]:
    """A receipt as a sender is answered: counts, figures by column, version of the table, digest."""
    receipt = batch.receipt
    if receipt is None:
        return {"batch": batch.id}
    pairs = zip(receipt.source_columns, receipt.landed_columns, strict=False)
    return {
        "batch": batch.id,
        "origin": batch.origin,
        "content_digest": batch.digest,
        "lake_version": batch.version,
        "landed_at": batch.ended_at,
        "receipt": {
            "digest": digest_of(batch),
            "source_rows": receipt.source_rows,
            "landed_rows": receipt.landed_rows,
            "rejected_rows": receipt.rejected_rows,
            "is_equal": receipt.is_equal,
            "proved_by": receipt.proved_by,
            "columns": [{**asdict(a), "is_equal": a == b} for a, b in pairs],
        },
    }


def countersign(batch: Batch, signer: Signer) -> str:
    """A department's own signature over a receipt, as a signed note."""
    return sign_note(_statement(batch.id, digest_of(batch)), signer)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was checked of a receipt: what, and whether it holds."""

    name: str
    text: str
    is_good: bool


def receipt_file(
    batch: Batch, *, index: int, leaf: str, proof: Sequence[bytes], checkpoint: str, vkey: str,
    signatures: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:  # fmt: skip
    """A receipt with all that is needed to check it offline."""
    return {
        "format": FORMAT,
        "document": document(batch),
        "index": index,
        "leaf": leaf,
        "proof": [one.hex() for one in proof],
        "checkpoint": checkpoint,
        "key": vkey,
        "signatures": [dict(one) for one in signatures],
    }


def parse_receipt_file(text: str) -> dict[str, Any]:
    """A receipt file's content.

    Raises:
        DataError: ``collect.receipt.malformed``.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    wanted = {"document": dict, "index": int, "leaf": str, "proof": list, "checkpoint": str, "key": str, "signatures": list}
    is_whole = isinstance(value, dict) and value.get("format") == FORMAT
    if not is_whole or any(type(value.get(name)) is not kind for name, kind in wanted.items()):
        raise DataError(
            "collect.receipt.malformed",
            "This is no receipt file.",
            hint="Export one with `cityloom collect receipt BATCH --export FILE`.",
        )
    return dict(value)


def check_receipt_file(value: Mapping[str, Any], vkey: str) -> tuple[Finding, ...]:
    """Everything that must hold of a receipt file, under the public key of the log."""
    return tuple(_checks(value, vkey))


def _checks(value: Mapping[str, Any], vkey: str) -> Iterator[Finding]:
    receipt = value["document"].get("receipt") or {}
    is_equal = bool(receipt) and receipt.get("source_columns") == receipt.get("landed_columns")
    is_equal = is_equal and receipt["source_rows"] == receipt["landed_rows"] + receipt["rejected_rows"]
    yield Finding(name="equal", text=_("both sides of the receipt are equal"), is_good=is_equal)
    event = _parsed(value["leaf"])
    details = event.get("details", {})
    is_named = event.get("kind") == "batch.landed" and details.get("receipt") == document_digest(value["document"])
    is_named = is_named and details.get("batch") == value["document"].get("batch")
    yield Finding(name="event", text=_("the event of the log names this receipt's digest"), is_good=is_named)
    is_signed, is_included = _head(value, vkey)
    yield Finding(name="included", text=_("the event stands in the log under the signed head"), is_good=is_included)
    yield Finding(name="signed", text=_("the head is signed with the key of the log"), is_good=is_signed)
    for one in value["signatures"]:
        text = _("{signer} has countersigned the receipt").format(signer=_signer(one))
        yield Finding(name="countersigned", text=text, is_good=_is_countersigned(value, one))


def _head(value: Mapping[str, Any], vkey: str) -> tuple[bool, bool]:
    try:
        is_signed = Ed25519Verifier.of(vkey).has_signed(value["checkpoint"])
        head, _signatures = parse_checkpoint(value["checkpoint"])
        proof = [bytes.fromhex(one) for one in value["proof"]]
    except (CityLoomError, ValueError, TypeError):
        return False, False
    leaf = merkle.leaf_hash(value["leaf"].encode("utf-8", "surrogatepass"))
    return is_signed, merkle.verify_inclusion(leaf, value["index"], head.size, proof, head.root)


def _is_countersigned(value: Mapping[str, Any], one: Any) -> bool:
    try:
        body, _signatures = split_note(one["note"])
        statement = _statement(value["document"]["batch"], document_digest(value["document"]))
        return body == statement and Ed25519Verifier.of(one["vkey"]).has_signed(one["note"])
    except (CityLoomError, KeyError, TypeError, AttributeError):
        return False


def _statement(batch: str, digest: str) -> str:
    return f"{_MARK}\n{batch}\n{digest}\n"


def _signer(one: Any) -> str:
    return str(one.get("signer", "-")) if isinstance(one, dict) else "-"


def _parsed(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) and isinstance(value.get("details", {}), dict) else {}
