"""A published look-up, verification, open and closed service over a small golden table; people who act."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa
import pytest

from cityloom.kernel.clock import FixedClock
from cityloom.lake.tables import Lake
from cityloom.model.city import City
from cityloom.model.principal import Principal
from cityloom.model.request import Grant, Request
from cityloom.model.resource import Access
from cityloom.model.service import Demand, Mask, Service, ServiceItem
from cityloom.model.text import Title
from cityloom.share import requests
from cityloom.share.answer import Answer, answer
from cityloom.share.publish import run as publish
from cityloom.store.database import Store

ASKER = Principal(account="zj.officer", department="zj", roles=("officer", "consumer"))
STEWARD = Principal(account="dsj.steward", department="dsj", roles=("steward",))
KEY = b"k" * 32
LAW = Access(attribute="conditional", basis="个人信息保护法", conditions="法定职责")


def item(name: str, mask: Mask | None = None) -> ServiceItem:
    return ServiceItem(name=name, title=Title(name, name), mask=mask)


LOOKUP = Service(
    name="person_lookup",
    title=Title("查询", "Look-up"),
    form="lookup",
    department="dsj",
    table="base_population",
    require=("citizen_id", "name"),
    items=(
        item("name"),
        item("phone", Mask(mask="keep", options={"first": 3, "last": 4})),
        item("marital_state"),
    ),
    sharing=LAW,
    quota=3,
)
VERIFY = replace(LOOKUP, name="person_verify", form="verify", items=(), compare=("marital_state", "phone"))
OPEN = replace(LOOKUP, name="firm_lookup", sharing=Access(attribute="unconditional"))
CLOSED = replace(LOOKUP, name="closed", sharing=Access(attribute="none", basis="保守国家秘密法"))


def demand(service: str = "person_lookup", **more: object) -> Demand:
    values: dict[str, object] = {
        "name": "housing",
        "service": service,
        "consumer": "zj",
        "purpose": Title("保障房资格审核", "Housing"),
        "basis": "公共租赁住房管理办法",
        "items": ("name", "phone") if service != "person_verify" else ("marital_state",),
        "approver": "dsj.steward",
        "days": 30,
    }
    return Demand(**{**values, **more})  # type: ignore[arg-type]


@dataclass
class Shop:
    """The published services over a golden table, and the people who ask and decide."""

    store: Store
    lake: Lake
    clock: FixedClock
    city: City
    asker: Principal = ASKER
    steward: Principal = STEWARD
    key: bytes = KEY

    def submit(self, service: str = "person_lookup", **more: object) -> Request:
        return requests.submit(demand(service, **more), ASKER, store=self.store, clock=self.clock)

    def decide(self, request: Request, is_approved: bool, by: Principal = STEWARD) -> Request:
        return requests.decide(
            request.id, by, is_approved=is_approved, reasons="符合职责", store=self.store, clock=self.clock
        )

    def obtain(self, service: str = "person_lookup", **more: object) -> tuple[Grant, Principal]:
        """A grant, and the consumer's principal bound to it."""
        request = self.decide(self.submit(service, **more), True)
        made = requests.grant(request.id, STEWARD, store=self.store, clock=self.clock)
        return made, replace(ASKER, grant=made.id)

    def call(
        self, who: Principal | None, service: str = "person_lookup", purpose: str = "housing", **parameters: str
    ) -> Answer:
        return answer(
            service, parameters, who, purpose, store=self.store, lake=self.lake, clock=self.clock, key=KEY
        )


@pytest.fixture
def shop(store: Store, lake: Lake, clock: FixedClock) -> Shop:
    """All parts, with the services published and the golden table written."""
    rows = {
        "citizen_id": ["110101199001010010", "110101199001010029"],
        "name": ["王小明", "李' OR 1=1 --"],
        "phone": ["13812345678", None],
        "marital_state": ["20", None],
    }
    table = pa.table({name: pa.array(values, pa.string()) for name, values in rows.items()})
    with lake.engine.bound(table) as relation:
        lake.replace("base_population", [f"SELECT * FROM {relation.sql(dialect='duckdb')}"])
    city = City(services={s.name: s for s in (LOOKUP, VERIFY, OPEN, CLOSED)})
    publish(city, store=store, clock=clock, actor="dsj.steward")
    return Shop(store, lake, clock, city)
