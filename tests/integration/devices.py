"""Simulated lamp posts of five vendors, each with its own way to tell the same."""

from __future__ import annotations

import asyncio
import base64
import http.server
import json
import random
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from xml.sax.saxutils import quoteattr

CHINA = timezone(timedelta(hours=8))
VENDORS = ("guangyao", "huiyuan", "nengda", "xinghe", "zhixing")


@dataclass(frozen=True)
class Reading:
    """What a lamp measured: tenths of a watt and half per cents are all that every vendor can tell."""

    lamp: str
    at: datetime
    tenths_w: int
    halves_pct: int

    @property
    def is_on(self) -> bool:
        """Whether there is light."""
        return self.halves_pct > 0

    def standard(self) -> tuple[str, str, str, str, str]:
        """As the standard layer has it: number, time, power, brightness, state."""
        at = self.at.astimezone(CHINA).strftime("%Y-%m-%dT%H:%M:%S")
        return self.lamp, at, plain(self.tenths_w / 10), plain(self.halves_pct / 2), str(int(self.is_on))


def plain(value: float) -> str:
    """A number without needless zeros."""
    return f"{value:.1f}".removesuffix(".0")


def readings(vendor: str, lamps: int, times: int, seed: int = 1) -> list[list[Reading]]:
    """By moment the readings of all lamps of a vendor."""
    chance = random.Random(f"{vendor}{seed}")
    start = datetime(2026, 1, 5, 10, 0, seed, tzinfo=UTC)
    prefix = vendor[:2].upper()
    return [
        [
            Reading(f"{prefix}-{n:04d}", start + timedelta(minutes=m), chance.randrange(2000), chance.choice((0, 100, 200)))
            for n in range(1, lamps + 1)
        ]
        for m in range(times)
    ]


def guangyao(moment: Sequence[Reading]) -> list[tuple[str, bytes]]:
    """Topics and messages: one a lamp."""
    made = []
    for one in moment:
        data = {"p": one.tenths_w / 10, "dim": one.halves_pct / 2, "on": one.is_on}
        body = {"ts": int(one.at.timestamp() * 1000), "fw": "2.1", "data": data}
        made.append((f"guangyao/{one.lamp.lower()}/state", json.dumps(body).encode()))
    return made


def huiyuan(moment: Sequence[Reading]) -> list[tuple[str, bytes]]:
    """One message of a controller for all its lamps."""
    lamps = [
        {"id": one.lamp, "kw": round(one.tenths_w / 10_000, 4), "level": one.halves_pct / 200, "sw": int(one.is_on)}
        for one in moment
    ]
    at = moment[0].at.astimezone(CHINA).strftime("%Y/%m/%d %H:%M:%S")
    return [("hy/report/c7", json.dumps({"time": at, "lamps": lamps}, ensure_ascii=False).encode())]


def nengda(moment: Sequence[Reading]) -> list[tuple[str, bytes]]:
    """Bytes in base64 in the JSON of a LoRaWAN gateway."""
    made = []
    for n, one in enumerate(moment):
        data = struct.pack("<HBBhB", one.tenths_w, one.halves_pct, one.is_on << 7 | 5, -12, 255)
        at = one.at.isoformat().replace("+00:00", "Z")
        info = {"deviceName": one.lamp, "devEui": f"{n:016x}"}
        body = {"time": at, "deviceInfo": info, "fCnt": n, "data": base64.b64encode(data).decode()}
        made.append((f"application/lamps/device/{n:016x}/event/up", json.dumps(body).encode()))
    return made


def xinghe(moment: Sequence[Reading]) -> list[tuple[str, bytes]]:
    """A line in GB18030, to be posted to a path."""
    made = []
    for one in moment:
        at = one.at.astimezone(CHINA).strftime("%Y%m%d%H%M%S")
        state = "亮" if one.is_on else "灭"
        text = f"编号={one.lamp};时间={at};功率={one.tenths_w / 10}W;亮度={one.halves_pct / 2};状态={state}"
        made.append((f"lamp/{one.lamp}", text.encode("gb18030")))
    return made


def zhixing(moment: Sequence[Reading]) -> bytes:
    """The document that a gateway answers with."""
    lamps = "".join(
        f"<lamp no={quoteattr(one.lamp)}><power>{one.tenths_w / 10}</power>"
        f'<light percent="{one.halves_pct / 2}">{str(one.is_on).lower()}</light></lamp>'
        for one in moment
    )
    at = int(moment[0].at.timestamp())
    text = f'<?xml version="1.0"?><r xmlns="urn:zhixing"><head><time>{at}</time></head><lamps>{lamps}</lamps></r>'
    return text.encode()


def publish(url: str, messages: Sequence[tuple[str, bytes]], qos: int = 1) -> None:
    """Publish over MQTT; returns when the broker has all of them."""
    import paho.mqtt.client as paho

    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    sent = set()
    client.on_publish = lambda client, data, number, reason, more: sent.add(number)
    host, port = url.removeprefix("mqtt://").split(":")
    client.connect(host, int(port))
    client.loop_start()
    try:
        for topic, body in messages:
            client.publish(topic, body, qos=qos)
        end = time.monotonic() + 60
        while len(sent) < len(messages):
            assert time.monotonic() < end, "not all was published"
            time.sleep(0.01)
    finally:
        client.disconnect()
        client.loop_stop()


def forget(url: str, *clients: str) -> None:
    """Have the broker end sessions that an earlier run may have left."""
    import paho.mqtt.client as paho

    host, port = url.removeprefix("mqtt://").split(":")
    for name in clients:
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=name, clean_session=True)
        client.connect(host, int(port))
        client.loop(1)
        client.disconnect()


def post(address: str, messages: Sequence[tuple[str, bytes]], tries: int = 60) -> None:
    """Post over CoAP, each message again until it is answered 2.04."""
    asyncio.run(_post(address, messages, tries))


async def _post(address: str, messages: Sequence[tuple[str, bytes]], tries: int) -> None:
    import aiocoap

    context = await aiocoap.Context.create_client_context()

    async def one(path: str, body: bytes) -> None:
        for _ in range(tries):
            try:
                request = aiocoap.Message(code=aiocoap.POST, uri=f"coap://{address}/{path}", payload=body)
                answer = await asyncio.wait_for(context.request(request).response, 10)
                if answer.code == aiocoap.CHANGED:
                    return
            except (aiocoap.error.Error, TimeoutError):
                pass
            await asyncio.sleep(0.3)
        raise AssertionError(f"{path} was never answered")

    await asyncio.gather(*[one(path, body) for path, body in messages])
    await context.shutdown()


@contextmanager
def gateway(first: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A gateway's address, and what it answers: the last of a list."""
    answers = [first]

    class Gateway(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802 - the library's name
            """Answer."""
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answers[-1])

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    worker = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    worker.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/lamps.xml", answers
    finally:
        server.shutdown()
        worker.join()
        server.server_close()
