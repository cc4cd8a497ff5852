"""Calls of the application over a workspace, in the process of the tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import httpx
from tests.unit.flows.intake_town import key_of

from cityloom.api.app import build


def calling(at: Any, *, language: str = "") -> Callable[..., httpx.Response]:
    """A function that sends a request as an account, with a key, or as nobody."""
    app = build(at.settings, None)
    app.state.workspace = at

    def send(method: str, address: str, account: str = "", *, key: str = "", **options: Any) -> httpx.Response:
        shown = key or (key_of(at, account) if account else "")
        headers = {"Authorization": f"Bearer {shown}"} if shown else {}
        headers |= ({"Accept-Language": language} if language else {}) | options.pop("headers", {})

        async def work() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
                return await client.request(method, address, headers=headers, **options)

        return anyio.run(work)

    return send
