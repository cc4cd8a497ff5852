"""Services become available: their definition is checked, graded and published."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace

from cityloom.kernel.clock import Clock, iso
from cityloom.kernel.errors import ConfigError
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.city import City
from cityloom.model.resource import SHARING
from cityloom.model.run import StageResult
from cityloom.model.service import Service
from cityloom.protect.grading import highest
from cityloom.protect.mask import make_mask
from cityloom.store import audit
from cityloom.store.database import Store
from cityloom.store.services import delete_service, list_services, put_service, service_digest

FORMS = ("lookup", "verify")
_NO_FIELD = "The service {service} names columns that its table does not have: {fields}."


def run(city: City, *, store: Store, clock: Clock, actor: str) -> StageResult:
    """Publish all services that are new or changed, and withdraw those whose definition is gone.

    Raises:
        ConfigError: see :func:`check`; nothing is published then.
    """
    services = [graded(s, city) for s in sorted(city.services.values(), key=lambda s: s.name)]
    for service in services:
        check(service, city)
    with store.write() as connection:
        gone = [s for s in list_services(connection) if s.name not in city.services]
        changed = [s for s in services if service_digest(connection, s.name) != _digest(s)]
        for service in gone:
            delete_service(connection, service.name)
        for service in changed:
            put_service(connection, service, digest=_digest(service), at=iso(clock.now()))
        events = [_event(EventKind.SERVICE_WITHDRAWN, s, actor) for s in gone]
        audit.append_all(connection, [*events, *(_event(EventKind.SERVICE_PUBLISHED, s, actor) for s in changed)], clock)
    summary = {"services": len(services), "changed": len(changed), "withdrawn": len(gone)}
    return StageResult(read=len(services), written=len(services), summary=summary)


def _event(kind: EventKind, service: Service, actor: str) -> AuditEvent:
    details: dict[str, str | int] = {
        "version": service.version,
        "form": service.form,
        "grade": service.grade,
        "sharing": service.sharing.attribute,
    }
    return AuditEvent(kind=kind, actor=actor, subject=f"service:{service.name}", details=details)


def graded(service: Service, city: City) -> Service:
    """The service with the highest grade of its fields; a field of unknown grade counts with the declared one."""
    grades = _field_grades(service.table, city)
    fields = [*(item.name for item in service.items), *service.require, *service.compare]
    return replace(service, grade=highest(grades.get(name, service.grade) for name in fields))


def check(service: Service, city: City) -> None:
    """Refuse a service that could not be answered, or not lawfully.

    Raises:
        ConfigError: ``share.service.form``, ``share.service.key``, ``share.service.empty``,
            ``share.service.basis``, ``share.service.field`` or the mask's own.
    """
    attribute = service.sharing.attribute
    fields = {*(item.name for item in service.items), *service.require, *service.compare}
    known = _attributes(service.table, city)
    if service.form not in FORMS:
        _refuse(service, "form", "The service {service} is neither a lookup nor a verify.")
    if not service.require:
        _refuse(service, "key", "The service {service} requires no parameter: anyone could harvest it.")
    if not (service.compare if service.form == "verify" else service.items):
        _refuse(service, "empty", "The service {service} has nothing to answer with.")
    if attribute not in SHARING or (attribute != "unconditional" and not (service.sharing.basis or "").strip()):
        _refuse(service, "basis", "The service {service} restricts its sharing and cites no basis.")
    if known and fields - known:
        _refuse(service, "field", _NO_FIELD, fields=", ".join(sorted(fields - known)))
    for item in service.items:
        if item.mask is not None:
            make_mask(item.mask, key=b"-", today="2000-01-01")


def _refuse(service: Service, what: str, message: str, **details: str) -> None:
    raise ConfigError(
        f"share.service.{what}",
        message,
        hint="Correct its definition and apply it again.",
        service=service.name,
        **details,
    )


def _field_grades(table: str, city: City) -> dict[str, str]:
    """Grades of a golden table's attributes, and of its key, which has that of the element with its coding rule."""
    for one in city.object_types.values():
        if one.golden_table == table:
            keys = [e.grade for e in city.elements.values() if e.coding_rule == one.coding_rule]
            return {**({one.key: highest(keys)} if keys else {}), **{a.name: a.grade for a in one.attributes}}
    return {}


def _attributes(table: str, city: City) -> set[str]:
    for one in city.object_types.values():
        if one.golden_table == table:
            return {one.key, *(a.name for a in one.attributes)}
    return set()


def _digest(service: Service) -> str:
    return hashlib.sha256(json.dumps(asdict(service), sort_keys=True, ensure_ascii=False).encode()).hexdigest()
