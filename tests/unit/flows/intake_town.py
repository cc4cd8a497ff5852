"""A small city whose civil affairs bureau brings welfare payments by itself."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from cityloom.collect.formats import Form, form_of_name
from cityloom.collect.inbox import Draft, Inbox
from cityloom.content.load import city_of, load
from cityloom.flows import intake
from cityloom.flows.bootstrap import Workspace
from cityloom.model.city import City
from cityloom.model.principal import Principal
from cityloom.protect.identity import ensure_account, make_key
from cityloom.store.database import metadata
from cityloom.store.migrate import load_tables

CITY = Path(__file__).parents[3] / "city"
OWNER = Principal(account="mz.owner", department="mz", roles=("owner", "officer"))
POLICE = Principal(account="ga.owner", department="ga", roles=("owner", "officer"))
ID = "11010519491231002X"
"""Of a woman, made up; the example of GB 11643."""
GOOD = {"ffdh": "AAAA1", "sfzh": ID, "xm": "张三", "xb": "女", "lxdh": "13800138000", "ffrq": "2026-01-05"}
WELFARE = """\
kind: source
name: mz_push
title: {zh: 民政部门推送, en: Pushes of civil affairs}
department: mz
connector: push
---
kind: source
name: mz_sheets
title: {zh: 民政台账, en: Sheets}
department: mz
connector: excel
options: {folder: incoming}
---
kind: resource
name: welfare
department: mz
title: {zh: 社会救助发放信息, en: Welfare payments}
abstract: {zh: 救助对象与发放金额。, en: Recipients and amounts.}
category: 人口/社会救助/救助发放/发放记录
owner: mz.owner
sharing: {attribute: conditional, basis: 社会救助暂行办法, conditions: 仅限法定职责所需}
key: [payment_no]
latest: paid_date
items:
  - {name: payment_no, column: ffdh, title: {zh: 发放单号, en: Payment number}, element: certificate_no, required: true}
  - {name: citizen_id, column: sfzh, title: {zh: 公民身份号码, en: Citizen id number}, element: citizen_id, required: true}
  - {name: name, column: xm, title: {zh: 姓名, en: Name}, element: person_name}
  - {name: sex, column: xb, title: {zh: 性别, en: Sex}, element: sex}
  - {name: phone, column: lxdh, title: {zh: 联系电话, en: Telephone}, element: phone}
  - {name: paid_date, column: ffrq, title: {zh: 发放日期, en: Date of payment}, element: event_date, required: true}
collect: {source: SOURCE, mode: MODE, cycle: month, drift: DRIFT, retransmission: AGAIN, what: {}}
rules:
  - {rule: duplicate, dimension: accuracy, columns: [payment_no], severity: high}
  - {rule: consistent, dimension: consistency, columns: [citizen_id, sex], options: {kind: sex}}
"""


def make_tables(at: Workspace) -> None:
    """All tables of the store, whether a migration knows them or not."""
    load_tables()
    with at.store.write() as connection:
        metadata.create_all(connection)


class Town(Workspace):
    """A workspace whose city is given, and not read from the store."""

    def forget_city(self) -> None:
        """It stays."""


def define(at: Town, **task: str) -> None:
    """Give the town its definitions, with the task of the resource as given."""
    at.__dict__["city"] = city_with(tuple(sorted(task.items())))


@cache
def city_with(task: tuple[tuple[str, str], ...]) -> City:
    with TemporaryDirectory() as folder:
        write_content(Path(folder) / "content", **dict(task))
        return city_of(load(Path(folder) / "content"))


def write_content(content: Path, **task: str) -> None:
    """The definitions as a folder of YAML."""
    values = {"SOURCE": "mz_push", "MODE": "push", "DRIFT": "quarantine", "AGAIN": "replace", **task}
    text = WELFARE
    for name, value in values.items():
        text = text.replace(name, value)
    content.mkdir(parents=True)
    for part in ("elements", "codes"):
        shutil.copytree(CITY / part, content / part)
    for part in ("city.yml", "departments.yml", "accounts.yml"):
        shutil.copy(CITY / part, content / part)
    (content / "welfare.yml").write_text(text, encoding="utf-8")


def key_of(at: Workspace, account: str, grant: str | None = None) -> str:
    """A key of an account of the definitions."""
    with at.store.write() as connection:
        ensure_account(connection, at.city.accounts[account], at.clock)
        return make_key(connection, account, grant, at.clock)


def draft(at: Workspace, content: bytes, name: str = "rows") -> Draft:
    """A delivery that has come in."""
    made = Inbox(at.folder).draft("welfare", name)
    made.write(content)
    return made


def push(at: Workspace, rows: object, key: str = "k1", name: str = "", kind: str = "json") -> intake.Answer:
    """Push rows as the bureau's system does."""
    content = rows if isinstance(rows, bytes) else json.dumps(rows, ensure_ascii=False).encode()
    sending = intake.Sending(way="push", form=Form(kind=kind), key=key, name=name)
    return intake.submit(at, at.city.resource("welfare"), OWNER, draft(at, content), sending)


def upload(at: Workspace, content: bytes, name: str, sheet: str = "") -> intake.Answer:
    """Upload a file as a person does, without confirming."""
    form = Form(kind=form_of_name(name), sheet=sheet or 1)
    sending = intake.Sending(way="upload", form=form, name=name)
    return intake.submit(at, at.city.resource("welfare"), OWNER, draft(at, content, name), sending, is_held=True)


def landed(at: Workspace, *columns: str) -> list[tuple[object, ...]]:
    """What the raw table holds, by batch and row."""
    table = at.city.resource("welfare").raw_table
    if not at.lake.exists(table):
        return []
    picked = ", ".join(f'"{name}"' for name in columns or ("ffdh",))
    relation = at.lake.relation(table).sql(dialect="duckdb")
    return at.lake.engine.rows(f"SELECT {picked} FROM {relation} ORDER BY _batch, _row")
