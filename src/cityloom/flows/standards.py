"""Data standards over a workspace: proposed from files, reviewed, published into force, retired, compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cityloom.content import library
from cityloom.content.check import check
from cityloom.content.load import Definition, digest_of, load_file, value_of
from cityloom.flows.apply import known_plugins
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.orders import principal
from cityloom.kernel.clock import iso
from cityloom.kernel.errors import UserError
from cityloom.model.lifecycle import KINDS, StandardState, StandardVersion
from cityloom.standard import lifecycle
from cityloom.standard.holding import Holding, ending, holdings
from cityloom.standard.impact import Touch, impact
from cityloom.standard.lifecycle import Proposal
from cityloom.store import definitions, standards

_OPEN = (StandardState.DRAFT, StandardState.IN_REVIEW)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One part that differs between two versions: its path in the definition, before and after (None: not there)."""

    path: str
    before: Any
    after: Any


def propose_file(workspace: Workspace, path: Path, *, actor: str, words: str = "", is_draft: bool = False) -> list[StandardVersion]:
    """Put the standards of a YAML file into review.

    Raises:
        ContentError: with every mistake; nothing is proposed then.
        UserError: ``flows.standard.kind`` for a definition that is no standard; as :func:`lifecycle.propose`.
        DeniedError: ``flows.account.unknown`` or ``model.transition.denied``.
    """
    found = load_file(path)
    for one in found:
        if one.kind not in KINDS:
            raise UserError(
                "flows.standard.kind",
                "{name} is of the kind {kind}, which is no data standard.",
                hint="Standards are: {kinds}. Others are brought in with `cityloom apply`.",
                name=one.name,
                kind=one.kind,
                kinds=", ".join(KINDS),
            )
    return propose(workspace, found, path.parent, actor=actor, words=words, is_draft=is_draft)


def propose(
    workspace: Workspace, found: Sequence[Definition], folder: Path, *, actor: str, words: str = "", is_draft: bool = False
) -> list[StandardVersion]:
    """Put standards into review, or keep them as drafts: all of them, or none where one does not fit."""
    who = principal(workspace, actor)
    with workspace.store.write() as connection:
        _check(connection, found, folder)
        return [
            lifecycle.propose(
                connection, Proposal(d.kind, d.name, d.body, d.digest), who, workspace.clock, words=words, is_draft=is_draft
            )
            for d in found
        ]


def review(workspace: Workspace, name: str, side: str, *, is_approved: bool, words: str, actor: str, kind: str | None = None) -> StandardVersion:
    """Approve or reject the version of a standard that is in review; as :func:`lifecycle.review`."""
    who = principal(workspace, actor)
    with workspace.store.write() as connection:
        one = pick(connection, name, kind, StandardState.IN_REVIEW)
        return lifecycle.review(connection, one, side, who, workspace.clock, is_approved=is_approved, words=words)


def publish(workspace: Workspace, name: str, *, actor: str, words: str = "", kind: str | None = None) -> StandardVersion:
    """Publish the version in review and bring it into force; as :func:`lifecycle.publish`.

    Raises:
        ContentError: it does not fit the definitions in force any more.
    """
    who = principal(workspace, actor)
    with workspace.store.write() as connection:
        one = pick(connection, name, kind, StandardState.IN_REVIEW)
        done = lifecycle.publish(connection, one, who, workspace.clock, words=words)
        added = _check(connection, [_definition(one, workspace.folder)], workspace.folder)
        bodies = {(d.kind, d.name): (d.digest, d.body) for d in added} | {(one.kind, one.name): (one.digest, one.body)}
        have = {(s.kind, s.name): s.digest for s in definitions.current(connection)}
        changes = [
            definitions.Change("change" if key in have else "add", *key)
            for key, (digest, _body) in bodies.items()
            if have.get(key) != digest
        ]
        definitions.carry_out(connection, changes, bodies, at=iso(workspace.clock.now()), by=actor)
    workspace.forget_city()
    return done


def retire(workspace: Workspace, name: str, *, actor: str, words: str = "", kind: str | None = None) -> StandardVersion:
    """Retire a published standard that nothing uses, and take it out of force; as :func:`lifecycle.retire`."""
    who = principal(workspace, actor)
    with workspace.store.write() as connection:
        one = pick(connection, name, kind, StandardState.PUBLISHED)
        users = [f"{t.kind} {t.name}" for t in impact(workspace.city, one.kind, one.name)]
        done = lifecycle.retire(connection, one, who, workspace.clock, words=words, users=list(dict.fromkeys(users)))
        if (one.kind, one.name) in {(s.kind, s.name) for s in definitions.current(connection)}:
            change = definitions.Change("remove", one.kind, one.name)
            definitions.carry_out(connection, [change], {}, at=iso(workspace.clock.now()), by=actor)
    workspace.forget_city()
    return done


def touched(workspace: Workspace, name: str, *, kind: str | None = None, code: str | None = None) -> tuple[Touch, ...]:
    """What a change of a standard would touch.

    Raises:
        UserError: ``flows.standard.unknown`` or ``flows.standard.code``.
    """
    found, body = current(workspace, name, kind)
    if code is not None and (found != "code_table" or code not in {str(c["code"]) for c in body["codes"]}):
        raise UserError(
            "flows.standard.code",
            "{name} has no code {value}.",
            hint="`cityloom standards library {name}` lists the codes of a table.",
            name=name,
            value=code,
        )
    return impact(workspace.city, found, name, code)


def held(workspace: Workspace, name: str, *, kind: str | None = None, code: str | None = None) -> tuple[Holding, ...]:
    """How many current rows hold codes of a code table that end: this code; else those that ended, or that the version
    which is open leaves out. Nothing for other standards.

    Raises:
        UserError: ``flows.standard.unknown``.
    """
    found, body = current(workspace, name, kind)
    if found != "code_table":
        return ()
    if code is not None:
        return holdings(workspace.city, name, (code,), workspace.lake)
    with workspace.store.read() as connection:
        versions = [v for v in standards.list_versions(connection, name=name) if v.kind == found and v.state in _OPEN]
    table = value_of(found, body)
    after = value_of(found, versions[-1].body) if versions else table
    return holdings(workspace.city, name, ending(table, after), workspace.lake)


def current(workspace: Workspace, name: str, kind: str | None = None) -> tuple[str, Mapping[str, Any]]:
    """Kind and body of a standard in force, else of its newest version, else of the library.

    Raises:
        UserError: ``flows.standard.unknown``.
    """
    with workspace.store.read() as connection:
        stored = {(s.kind, s.name): s.body for s in definitions.current(connection) if s.kind in KINDS}
        known = {(v.kind, v.name): v.body for v in standards.list_versions(connection, name=name)}
    for one in [kind] if kind else KINDS:
        for place in (stored, known):
            if (one, name) in place:
                return one, place[one, name]
        if (one, name) in library.index():
            return one, library.read(one, name).body
    raise _unknown(name)


def revised(workspace: Workspace, name: str, kind: str | None = None) -> tuple[str, dict[str, Any]]:
    """Kind and body of a new version made from the newest: the same with the next version number, as a draft."""
    with workspace.store.read() as connection:
        versions = [v for v in standards.list_versions(connection, name=name) if kind in (None, v.kind)]
    found, body = (versions[-1].kind, versions[-1].body) if versions else current(workspace, name, kind)
    taken = {v.version for v in versions} | {str(body.get("version", "1.0"))}
    return found, {**body, "version": _next(str(body.get("version", "1.0")), taken), "state": "published"}


def versions_of(workspace: Workspace, name: str, kind: str | None = None) -> list[StandardVersion]:
    """The versions of a standard, oldest first.

    Raises:
        UserError: ``flows.standard.unknown``.
    """
    with workspace.store.read() as connection:
        found = [v for v in standards.list_versions(connection, name=name) if kind in (None, v.kind)]
    if not found:
        raise _unknown(name)
    return found


def compare(workspace: Workspace, name: str, before: str | None, after: str | None, kind: str | None = None) -> list[Difference]:
    """What differs between two versions of a standard; without them the newest and the one before, or the one in force.

    Raises:
        UserError: ``flows.standard.unknown`` or ``flows.standard.version``.
    """
    found = versions_of(workspace, name, kind)
    by_version = {v.version: v.body for v in found}
    for one in (before, after):
        if one is not None and one not in by_version:
            raise UserError(
                "flows.standard.version",
                "{name} has no version {version}.",
                hint="There are: {known}.",
                name=name,
                version=one,
                known=", ".join(by_version),
            )
    new = by_version[after] if after else found[-1].body
    if before:
        old: Mapping[str, Any] = by_version[before]
    elif len(found) > 1:
        old = found[-2].body
    else:
        old = current(workspace, name, found[-1].kind)[1]
    return list(differences(old, new))


def differences(before: Any, after: Any, path: str = "") -> Iterator[Difference]:
    """The parts that differ; codes, fields and the like are matched by what names them, not by their place."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*before, *after]):
            yield from differences(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(before, list) and isinstance(after, list) and (key := _naming([*before, *after])):
        old, new = ({_key(one, key): one for one in some} for some in (before, after))
        for name in dict.fromkeys([*old, *new]):
            yield from differences(old.get(name), new.get(name), f"{path}[{name}]")
    elif before != after:
        yield Difference(path=path, before=before, after=after)


def pick(connection: sa.Connection, name: str, kind: str | None, state: str) -> StandardVersion:
    """The version of a standard in a state.

    Raises:
        UserError: ``flows.standard.unknown``, ``flows.standard.state`` or ``flows.standard.ambiguous``.
    """
    known = [v for v in standards.list_versions(connection, name=name, is_locked=True) if kind in (None, v.kind)]
    if not known:
        raise _unknown(name)
    found = [v for v in known if v.state == state]
    if not found:
        raise UserError(
            "flows.standard.state",
            "No version of {name} is {state}; the newest is {newest}.",
            hint="`cityloom standards versions {name}` shows them.",
            name=name,
            state=state,
            newest=known[-1].state,
        )
    if len({v.kind for v in found}) > 1:
        kinds = ", ".join(sorted({v.kind for v in found}))
        raise UserError("flows.standard.ambiguous", "{name} is of several kinds: {kinds}.", hint="Add --kind.", name=name, kinds=kinds)
    return found[-1]


def _check(connection: sa.Connection, found: Sequence[Definition], folder: Path) -> list[Definition]:
    """Check standards with the definitions in force; returns what they need of the library."""
    mine = {(d.kind, d.name) for d in found}
    stored = [s for s in definitions.current(connection) if (s.kind, s.name) not in mine]
    others = [Definition(s.kind, s.name, s.body, s.digest, value_of(s.kind, s.body), folder, 0) for s in stored]
    added = library.referred(found, [(d.kind, d.name) for d in others])
    check([*found, *added, *others], folder, known_plugins())
    return added


def _definition(one: StandardVersion, folder: Path) -> Definition:
    return Definition(one.kind, one.name, one.body, digest_of(one.body), value_of(one.kind, one.body), folder / "standards.yml", 0)


def _naming(parts: Sequence[Any]) -> tuple[str, ...] | None:
    """The keys that name the parts of a list, if they are such parts."""
    if parts and all(isinstance(one, Mapping) for one in parts):
        for keys in (("code", "valid_from"), ("element", "name"), ("step",), ("rule", "name")):
            if all(keys[0] in one for one in parts):
                return keys
    return None


def _key(one: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    return " ".join(str(one[k]) for k in keys if one.get(k))


def _next(version: str, taken: set[str]) -> str:
    """The next version number that is free: 1.0, 1.1; where the last part is no number, one is added."""
    head, dot, last = version.rpartition(".")
    if not last.isdecimal():
        head, dot, last = version, ".", "0"
    number = int(last) + 1
    while f"{head}{dot}{number}" in taken:
        number += 1
    return f"{head}{dot}{number}"


def _unknown(name: str) -> UserError:
    return UserError(
        "flows.standard.unknown",
        "There is no data standard {name}.",
        hint="Search with `cityloom standards library`, or propose one with `cityloom standards propose FILE`.",
        name=name,
    )
