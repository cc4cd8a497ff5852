"""An application over made-up services, called in this process."""

from collections.abc import Mapping

import httpx
import pytest

from cityloom.api.app import build
from cityloom.kernel.config import Settings
from cityloom.kernel.errors import DataError, DeniedError, SourceError, UserError
from cityloom.model.resource import Access
from cityloom.model.service import Mask, Service, ServiceItem
from cityloom.model.text import Title

FAMILIES = {"user": UserError, "denied": DeniedError, "source": SourceError, "data": DataError}
SERVICE = Service(
    name="person_lookup",
    title=Title(zh="人口查询", en="Person look-up"),
    form="lookup",
    department="ga",
    table="base_population",
    require=("id_number", "name"),
    items=(ServiceItem(name="name", title=Title(zh="姓名", en="Name"), mask=Mask(mask="name")),),
    sharing=Access(attribute="conditional", basis="own"),
)


class FakeServices:
    """Answers what it was asked; services named after a family fail, ``broken`` fails as nobody foresaw."""

    def published(self):
        return [SERVICE]

    def answer(self, service: str, parameters: Mapping[str, str], *, token: str, purpose: str):
        if service in FAMILIES:
            raise FAMILIES[service]("test.code", "There is no {thing}.", hint="Look.", thing="moon")
        if service == "broken":
            raise RuntimeError(parameters["secret"])
        if not token:
            raise DeniedError("share.key.invalid", "No valid key was shown.")
        return {"service": service, "values": dict(parameters), "token": token, "purpose": purpose}


class Caller:
    """A client that speaks to the application without a network."""

    def __init__(self, app):
        self.app = app

    async def _send(self, method, address, **options):
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, address, **options)

    def __call__(self, method, address, **options):
        import anyio

        return anyio.run(lambda: self._send(method, address, **options))


@pytest.fixture
def call(tmp_path):
    return Caller(build(Settings(workspace=tmp_path), FakeServices()))
