"""Devices over MQTT, CoAP and HTTP: the lamp posts of five vendors by YAML alone, up to one record a lamp post."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.integration import devices
from tests.integration.devices import VENDORS

from cityloom.flows import chain
from cityloom.flows.apply import apply
from cityloom.flows.bootstrap import Workspace, open_workspace
from cityloom.flows.runner import Runner
from cityloom.kernel.config import load_settings

EXAMPLE = Path(__file__).parents[2] / "examples" / "lamp_posts"
MQTT = ("guangyao", "huiyuan", "nengda")
ITEMS = ["lamp_no", "measured_at", "power_w", "brightness_pct", "lamp_state"]


def free_port(kind: socket.SocketKind) -> int:
    """A port that nobody listens on now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def rows(workspace: Workspace, table: str, names: list[str]) -> list[tuple[Any, ...]]:
    """What a table holds, sorted."""
    relation = workspace.lake.relation(table).sql(dialect="duckdb")
    picked = ", ".join(f'"{name}"' for name in names)
    return sorted(workspace.lake.engine.rows(f"SELECT {picked} FROM {relation}"))


@pytest.mark.slow
def test_five_vendors_of_lamp_posts_need_five_yaml_files_and_come_to_one_record_a_lamp(
    server: Callable[[str], str], tmp_path: Path
) -> None:
    url = server("TEST_MQTT_URL")
    devices.forget(url, *(f"cityloom-{vendor}" for vendor in MQTT))
    place = f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    known = {vendor: devices.readings(vendor, 6, 3) for vendor in VENDORS}
    workspace = open_workspace(load_settings({}, workspace=tmp_path))
    apply(workspace, EXAMPLE, actor="dsj.steward")
    runner = Runner(workspace)
    with devices.gateway(devices.zhixing(known["zhixing"][0])) as (address, answers):
        (tmp_path / "lamp_posts").mkdir()
        for name, text in (("mqtt.url", url), ("coap.address", place), ("gateway.url", address)):
            (tmp_path / "lamp_posts" / name).write_text(text)
        chain.collect(workspace, runner, [f"lamp_{vendor}" for vendor in MQTT])
        for moment in range(3):
            for vendor in MQTT:
                devices.publish(url, getattr(devices, vendor)(known[vendor][moment]))
            answers.append(devices.zhixing(known["zhixing"][moment]))
            chain.collect(workspace, runner, ["lamp_zhixing"])
        texts = [one for moment in known["xinghe"] for one in devices.xinghe(moment)]
        lamps = threading.Thread(target=devices.post, args=(place, texts))
        lamps.start()
        chain.collect(workspace, runner)
        lamps.join()
    devices.forget(url, *(f"cityloom-{vendor}" for vendor in MQTT))
    for stage in (chain.assess_raw, chain.pass_gate, chain.standardise, chain.assess_standard, chain.fuse):
        stage(workspace, runner)
    assert [(one.step, one.subject, one.error_text) for one in runner.failed] == []
    newest = []
    for vendor in VENDORS:
        wanted = sorted(one.standard() for moment in known[vendor] for one in moment)
        assert rows(workspace, f"std_cg__lamp_{vendor}", ITEMS) == wanted, vendor
        newest += [one.standard() for one in known[vendor][-1]]
    assert rows(workspace, "base_lamp_post", ITEMS) == sorted(newest)
    workspace.close()


def test_the_example_is_small() -> None:
    for vendor in VENDORS:
        assert len((EXAMPLE / f"{vendor}.yml").read_text(encoding="utf-8").splitlines()) <= 45
