"""Looks into collected documents for a person, and puts each look on record."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from cityloom.collect.documents.near import Document, Group, find_groups
from cityloom.collect.documents.search import DocumentIndex, Entry, Hit
from cityloom.engines.base import sql
from cityloom.flows.bootstrap import Workspace
from cityloom.kernel.errors import DeniedError, UserError
from cityloom.lake.objects import ObjectStore
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.resource import Resource
from cityloom.protect.pseudonym import subject_digest
from cityloom.store import audit

CONNECTOR = "documents"
_MAY_LOOK = {"steward", "analyst"}


def document_resources(workspace: Workspace) -> list[Resource]:
    """The resources that are collections of documents, by name."""
    city = workspace.city
    found = [r for r in city.resources.values() if city.sources[r.collect.source].connector == CONNECTOR]
    return sorted(found, key=lambda r: r.name)


def search_documents(workspace: Workspace, resource: str, words: str, *, actor: str, limit: int = 20) -> list[Hit]:
    """Documents in which all the words stand, best first. The index is made anew when the table has changed.

    Raises:
        DeniedError: ``flows.documents.denied``.
        UserError: ``flows.documents.none``.
    """
    found = _require(workspace, resource, actor)
    index = DocumentIndex(workspace.folder / "search" / f"{found.department}__{found.name}.db")
    version = workspace.lake.version(found.raw_table)
    if index.version() != version:
        index.build(_entries(workspace, found), version)
    hits = index.search(words, limit)
    _record(workspace, found, actor, "search", subject_digest(workspace.keys.masking, words))
    return hits


def document_groups(workspace: Workspace, resource: str, *, actor: str, threshold: float = 0.8) -> list[Group]:
    """Groups of the same and of nearly the same documents.

    Raises:
        DeniedError: ``flows.documents.denied``.
        UserError: ``flows.documents.none``.
    """
    found = _require(workspace, resource, actor)
    documents = (Document(e.path, e.digest, e.text) for e in _entries(workspace, found))
    groups = find_groups(documents, threshold=threshold)
    _record(workspace, found, actor, "groups", "")
    return groups


def save_original(workspace: Workspace, resource: str, digest: str, target: Path, *, actor: str) -> Path:
    """Write the original of a document of this resource to a file.

    Raises:
        DeniedError: ``flows.documents.denied``.
        UserError: ``flows.documents.none``, ``flows.documents.unknown`` or ``flows.documents.exists``.
    """
    found = _require(workspace, resource, actor)
    query = sql(
        "SELECT DISTINCT sha256 FROM :t AS t WHERE starts_with(sha256, :digest) LIMIT 2",
        t=workspace.lake.relation(found.raw_table),
        digest=digest,
    )
    known = [row[0] for row in workspace.engine.rows(query)]
    if len(known) != 1:
        raise UserError(
            "flows.documents.unknown",
            "{resource} has no single document with the digest {digest}.",
            hint="Find it with `cityloom documents search`; the beginning of a digest will do when no other begins so.",
            resource=resource,
            digest=digest,
        )
    if target.exists():
        raise UserError(
            "flows.documents.exists",
            "{file} is there already.",
            hint="Name another file.",
            file=target.name,
        )
    shutil.copyfile(ObjectStore(workspace.folder / "lake" / "objects").path(known[0]), target)
    _record(workspace, found, actor, "original", known[0])
    return target


def _entries(workspace: Workspace, resource: Resource) -> Iterator[Entry]:
    query = sql(
        "SELECT path, coalesce(title, ''), coalesce(format, ''), sha256, coalesce(text, '') FROM :t AS t ORDER BY path",
        t=workspace.lake.relation(resource.raw_table),
    )
    for batch in workspace.engine.batches(query, 256):
        columns = [column.to_pylist() for column in batch.columns]
        yield from (Entry(*row) for row in zip(*columns, strict=True))


def _require(workspace: Workspace, name: str, actor: str) -> Resource:
    resource = workspace.city.resource(name)
    account = workspace.city.accounts.get(actor)
    is_own = account is not None and account.department == resource.department
    if account is None or not (is_own or _MAY_LOOK & set(account.roles)):
        raise DeniedError(
            "flows.documents.denied",
            "{actor} may not look into the documents of {resource}.",
            hint="Accounts of its department may, and stewards and analysts of the data authority.",
            actor=actor,
            resource=name,
        )
    known = [r.name for r in document_resources(workspace)]
    if name not in known or not workspace.lake.exists(resource.raw_table):
        raise UserError(
            "flows.documents.none",
            "{resource} holds no documents.",
            hint="Resources with documents: {known}. Collect them first.",
            resource=name,
            known=", ".join(known) or "-",
        )
    return resource


def _record(workspace: Workspace, resource: Resource, actor: str, verb: str, what: str) -> None:
    details: dict[str, str | int] = {"verb": verb, **({"what": what} if what else {})}
    event = AuditEvent(kind=EventKind.RECORD_SHOWN, actor=actor, subject=resource.name, details=details)
    with workspace.store.write() as connection:
        audit.append(connection, event, workspace.clock)
