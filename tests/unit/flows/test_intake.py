"""Deliveries: who may, checked at once, landed once, answered the same; rows set apart come back corrected."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
import xlsxwriter
from tests.unit.flows.intake_town import (
    GOOD,
    ID,
    OWNER,
    POLICE,
    Town,
    define,
    draft,
    key_of,
    landed,
    make_tables,
    push,
    upload,
)

from cityloom.collect import correct as correcting
from cityloom.collect import intake as stage
from cityloom.collect import proof
from cityloom.collect import run as collect_stage
from cityloom.collect.formats import Form
from cityloom.collect.inbox import Inbox
from cityloom.flows import chain, corrections, intake, receipts
from cityloom.flows.admission import admit, check_open, check_sender
from cityloom.flows.runner import Runner
from cityloom.kernel.config import Settings
from cityloom.kernel.errors import ConfigError, DataError, DeniedError, SourceError, UserError
from cityloom.kernel.ids import stable_id
from cityloom.model.audit import EventKind
from cityloom.protect.crypto import Ed25519Signer
from cityloom.protect.keys import load_or_make_keys
from cityloom.store import audit, batches
from cityloom.store import intake as records
from cityloom.store.database import Store

BAD = [
    GOOD,
    {**GOOD, "ffdh": "AAAA2", "sfzh": "110105194912310021"},
    {**GOOD, "ffdh": "AAAA3", "xb": "X", "ffrq": "2024-02-30"},
    {**GOOD, "ffdh": "AAAA4", "xm": ""},
    {**GOOD, "ffdh": "AAAA1"},
    7,
    {**GOOD, "ffdh": None},
    {**GOOD, "ffdh": "AAAA8", "xb": "1"},
]


@pytest.fixture
def at(tmp_path, engine, lake, clock):
    store = Store(f"sqlite:///{tmp_path / 'control.db'}")
    made = Town(Settings(busy_seconds=0), tmp_path, engine, lake, store, clock, keys=load_or_make_keys(tmp_path / "keys"))
    make_tables(made)
    define(made)
    yield made
    store.close()


@pytest.fixture
def at_both(tmp_path, engine, lake, store, clock):
    """The town once on each database."""
    made = Town(Settings(), tmp_path, engine, lake, store, clock, keys=load_or_make_keys(tmp_path / "keys"))
    define(made)
    return made


def errors(answer, key="errors"):
    return {(one["row"], one["column"], one["rule"]) for one in answer.body[key]}


def events(at, kind):
    with at.store.read() as connection:
        return [one.event for one in audit.list_events(connection, kind=kind)]


# -- checked at once --------------------------------------------------------------------------------------


def test_every_error_has_its_row_column_and_rule_and_good_rows_land(at_both):
    at = at_both
    answer = push(at, BAD)
    assert answer.state == "landed"
    assert errors(answer) == {
        (2, "sfzh", "citizen_id.coding_rule"),
        (3, "xb", "sex.standard"),
        (3, "ffrq", "paid_date.standard"),
        (5, "ffdh", "payment_no.duplicate"),
        (6, "", "collect.json.record"),
        (7, "ffdh", "payment_no.missing"),
        (8, "sfzh", "citizen_id+sex.consistent"),
    }
    assert errors(answer, "warnings") == {(4, "xm", "name.missing")}
    assert (answer.body["rows"], answer.body["wrong"]) == (8, 6)
    assert answer.body["receipt"]["source_rows"] == 8
    assert (answer.body["receipt"]["landed_rows"], answer.body["receipt"]["rejected_rows"]) == (2, 6)
    assert answer.body["receipt"]["is_equal"]
    assert landed(at, "ffdh", "_row") == [("AAAA1", 1), ("AAAA4", 4)]


def test_no_value_stands_in_the_answer_the_log_or_a_reason(at, capsys):
    answer = push(at, [{**GOOD, "sfzh": "4403011990secret", "lxdh": "secret", "ffrq": "secret"}])
    said = capsys.readouterr()
    with at.store.read() as connection:
        (reject,) = batches.list_rejects(connection, "welfare")
    assert "secret" not in json.dumps(dict(answer.body)) + reject.reason + said.out + said.err
    assert reject.content["lxdh"] == "secret"


def test_what_the_standards_steps_can_read_is_no_error(at):
    rows = [{**GOOD, "ffdh": "AAAA2", "xb": "女士", "ffrq": "2026年1月5日", "lxdh": " 138-0013-8000 ", "sfzh": ID.lower()}]
    assert push(at, rows).body["wrong"] == 0
    assert landed(at, "ffrq", "xb") == [("2026年1月5日", "女士")]


@pytest.mark.parametrize("policy", ["stop", "accept"])
def test_the_tasks_policy_decides_about_wrong_rows(at, policy):
    define(at, DRIFT=policy)
    answer = push(at, [*BAD[:2], {**GOOD, "ffdh": "AAAA9"}])
    assert answer.body["wrong"] == 1
    if policy == "accept":
        assert (answer.state, len(landed(at))) == ("landed", 3)
        return
    assert (answer.state, landed(at)) == ("refused", [])
    assert Inbox(at.folder).attempts("welfare") == []
    (event,) = events(at, EventKind.INTAKE_REFUSED)
    assert (event.actor, event.details["wrong"]) == ("mz.owner", 1)
    assert push(at, [GOOD]).state == "landed", "a refused delivery leaves its key free"


def test_columns_that_are_not_declared_are_told(at):
    assert push(at, [{**GOOD, "extra": "1"}]).body["drift"][0]["columns"] == "extra"
    define(at, DRIFT="stop")
    assert push(at, [{**GOOD, "ffdh": "AAAA5", "extra": "1"}], "k2").state == "refused"


def test_a_required_column_that_is_missing_is_an_error_and_nothing_lands(at):
    with pytest.raises(DataError) as caught:
        push(at, b"ffdh,xm\nAAAA1,a\n", kind="csv_files")
    assert caught.value.code == "collect.column.missing"
    assert Inbox(at.folder).attempts("welfare") == []


def test_hundreds_of_wrong_rows_are_all_counted_and_the_first_listed(at):
    rows = [{**GOOD, "ffdh": f"N{n:06}", "sfzh": "1"} for n in range(1500)]
    answer = push(at, rows)
    assert answer.body["broken"]["citizen_id.coding_rule"] == 1500
    assert len(answer.body["errors"]) == stage.LISTED
    assert answer.body["receipt"]["rejected_rows"] == 1500


def test_looking_keeps_nothing(at):
    sending = intake.Sending(way="push", form=Form(kind="json"), key="k1")
    looked = intake.look(at, at.city.resource("welfare"), draft(at, json.dumps(BAD).encode()), sending)
    assert (looked.state, looked.body["wrong"]) == ("checked", 6)
    assert Inbox(at.folder).attempts("welfare") == []
    assert push(at, [GOOD]).state == "landed"


# -- once ---------------------------------------------------------------------------------------------------


def test_the_same_key_and_content_gets_the_same_answer_and_lands_once(at_both):
    at = at_both
    first, again = push(at, BAD), push(at, BAD)
    assert dict(again.body) == dict(first.body)
    assert (first.is_repeated, again.is_repeated) == (False, True)
    assert len(landed(at)) == 2
    assert len(events(at, EventKind.BATCH_LANDED)) == 1
    assert Inbox(at.folder).attempts("welfare") == []


def test_the_same_key_with_other_content_is_a_conflict(at):
    push(at, [GOOD])
    with pytest.raises(UserError) as caught:
        push(at, [{**GOOD, "xm": "李四"}])
    assert caught.value.code == "collect.intake.conflict"
    assert landed(at, "xm") == [("张三",)]


def test_the_same_push_twice_at_the_same_time_lands_once(at, monkeypatch):
    """The second comes in while the first is between check and landing."""
    second = []
    real = intake.land

    def meanwhile(*given):
        if not second:
            second.append(None)
            second[0] = push(at, BAD)
        return real(*given)

    monkeypatch.setattr(intake, "land", meanwhile)
    first = push(at, BAD)
    assert dict(first.body) == dict(second[0].body)
    assert len(landed(at)) == 2
    assert Inbox(at.folder).attempts("welfare") == []


def test_the_key_may_stand_in_the_json_and_must_stand_somewhere(at):
    first = push(at, {"batch_key": "2026-01", "delivery": "January", "rows": [GOOD]}, key="")
    assert (first.body["key"], first.body["origin"]) == ("2026-01", "push:January")
    assert push(at, {"batch_key": "2026-01", "delivery": "January", "rows": [GOOD]}, key="").is_repeated
    with pytest.raises(UserError) as caught:
        push(at, [GOOD], key="")
    assert caught.value.code == "collect.key.missing"


@pytest.mark.parametrize(("again", "left"), [("replace", ["AAAA2"]), ("append", ["AAAA1", "AAAA2"])])
def test_a_later_delivery_of_the_same_name_is_treated_as_the_task_says(at, again, left):
    define(at, AGAIN=again)
    push(at, [GOOD], "k1", "2026-01")
    answer = push(at, [{**GOOD, "ffdh": "AAAA2"}], "k2", "2026-01")
    assert bool(answer.body["replaces"]) == (again == "replace")
    assert sorted(row[0] for row in landed(at)) == left


@pytest.mark.parametrize("point", ["sealed", "committed", "recorded"])
def test_a_delivery_whose_process_died_is_gone_on_with_under_its_key(at, monkeypatch, point):
    """The three places where a process may die: before the lake has it, before the batch or the delivery is recorded."""
    class Death(BaseException):
        pass

    def die(*_args, **_options):
        raise Death

    with monkeypatch.context() as patched:
        if point == "sealed":
            patched.setattr("cityloom.collect.landing.Landing.land", die)
        elif point == "committed":
            patched.setattr("cityloom.collect.landing.Landing._close", die)
        else:
            patched.setattr("cityloom.flows.intake._recorded", die)
        with pytest.raises(Death):
            push(at, BAD)
    answer = push(at, BAD)
    assert (answer.state, answer.body["wrong"]) == ("landed", 6)
    assert landed(at) == [("AAAA1",), ("AAAA4",)]
    assert dict(push(at, BAD).body) == dict(answer.body)
    assert Inbox(at.folder).attempts("welfare") == []


def test_what_waits_in_the_inbox_is_taken_in_by_the_resources_own_run(at, monkeypatch):
    def break_off(*_args, **_options):
        raise SourceError("test.broken", "It broke.")

    with monkeypatch.context() as patched:
        patched.setattr("cityloom.collect.intake.run", break_off)
        with pytest.raises(SourceError):
            push(at, BAD)
    (run,) = chain.collect(at, Runner(at), ["welfare"])
    assert (run.result.written, run.result.rejected) == (2, 6)
    assert push(at, BAD).body["receipt"]["rejected_rows"] == 6
    assert len(landed(at)) == 2


def test_while_the_table_is_written_elsewhere_the_sender_is_asked_to_come_back(at):
    with at.lock("raw_mz__welfare"), pytest.raises(UserError) as caught:
        push(at, [GOOD])
    assert caught.value.code == "flows.subject.busy"
    assert push(at, [GOOD]).state == "landed"
    assert len(landed(at)) == 1


# -- who may ----------------------------------------------------------------------------------------------


def test_only_a_key_of_the_resources_department_is_admitted(at):
    resource, who = admit(at, key_of(at, "mz.owner"), "welfare", "push")
    assert (resource.name, who.account) == ("welfare", "mz.owner")
    for token, code in [
        ("", "collect.key.invalid"),
        ("cl_000000000000_x", "collect.key.invalid"),
        (key_of(at, "mz.owner", grant="g1"), "collect.key.invalid"),
        (key_of(at, "ga.owner"), "collect.intake.denied"),
        (key_of(at, "dsj.system"), "collect.intake.denied"),
    ]:
        with pytest.raises(DeniedError) as caught:
            admit(at, token, "welfare", "push")
        assert caught.value.code == code
    assert [e.actor for e in events(at, EventKind.INTAKE_DENIED)] == [
        "dsj.system", "ga.owner", "mz.owner", "anonymous", "anonymous",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "way", "is_open"),
    [("push", "push", True), ("push", "upload", True), ("full", "push", False), ("full", "upload", True),
     ("cdc", "correct", False), ("virtual", "upload", False)],
)  # fmt: skip
def test_a_way_is_open_only_where_the_task_leaves_it_open(at, mode, way, is_open):
    resource = at.city.resource("welfare")
    resource = stage.replace(resource, collect=stage.replace(resource.collect, mode=mode))
    if is_open:
        check_open(resource, way)
        return
    with pytest.raises(UserError) as caught:
        check_open(resource, way)
    assert caught.value.code == "collect.intake.closed"


# -- uploads ------------------------------------------------------------------------------------------------


def sheet(rows, *, above=0, header=("ffdh", "sfzh", "xm", "xb", "lxdh", "ffrq"), name="Sheet1"):
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        page = book.add_worksheet(name)
        for n in range(above):
            page.write_string(n, 0, f"title {n}")
        for number, values in enumerate([header, *rows]):
            for place, value in enumerate(values):
                page.write_string(number + above, place, value)
    return target.getvalue()


ROW = ("AAAA1", ID, "张三", "女性", "13800138000", "2026-01-05")


def test_an_upload_is_checked_then_confirmed(at):
    answer = upload(at, sheet([ROW, ("AAAA2", "1", "李四", "男性", "", "2026-01-04")]), "march.xlsx")
    assert (answer.state, answer.body["rows"], answer.body["wrong"]) == ("checked", 2, 1)
    assert {(one["row"], one["column"]) for one in answer.body["errors"]} == {(3, "sfzh")}
    assert landed(at) == []
    done = intake.confirm(at, answer.id, answer.ticket)
    assert (done.state, done.body["receipt"]["landed_rows"]) == ("landed", 1)
    assert intake.confirm(at, answer.id, answer.ticket).body == done.body
    assert landed(at, "ffdh", "_row") == [("AAAA1", 2)]


def test_the_resources_own_run_does_not_take_in_what_nobody_confirmed(at):
    answer = upload(at, sheet([ROW]), "march.xlsx")
    chain.collect(at, Runner(at), ["welfare"])
    assert landed(at) == []
    assert intake.confirm(at, answer.id, answer.ticket).state == "landed"


def test_what_senders_broke_off_goes_after_a_day_and_what_waits_stays(at, monkeypatch):
    def break_off(*_args, **_options):
        raise SourceError("test.broken", "It broke.")

    with monkeypatch.context() as patched:
        patched.setattr("cityloom.collect.intake.run", break_off)
        with pytest.raises(SourceError):
            push(at, [GOOD])
    half = draft(at, b"half a delivery")
    at.clock.at += timedelta(days=400)
    assert len(Inbox(at.folder).attempts("welfare")) == 2
    intake.tidy(at, at.city.resource("welfare"))
    (left,) = Inbox(at.folder).attempts("welfare")
    assert left != half.attempt
    at.clock.at -= timedelta(days=400)
    assert push(at, [GOOD]).state == "landed"


def test_without_its_ticket_nothing_is_confirmed(at):
    answer = upload(at, sheet([ROW]), "march.xlsx")
    for delivery, ticket in [(answer.id, "wrong"), (answer.id, ""), ("d_nothing", answer.ticket)]:
        with pytest.raises(DeniedError) as caught:
            intake.confirm(at, delivery, ticket)
        assert caught.value.code == "collect.ticket.invalid"
    assert landed(at) == []


def test_a_sheets_titles_stand_for_columns_and_the_header_is_found(at):
    titles = ("发放单号", "公民身份号码", "姓名", "性别", "联系电话", "发放日期")
    answer = upload(at, sheet([ROW, ("AAAA2", ID, "", "X", "", "2026-01-05")], above=3, header=titles), "march.xlsx")
    assert {(one["row"], one["column"], one["rule"]) for one in answer.body["errors"]} == {(6, "xb", "sex.standard")}
    intake.confirm(at, answer.id, answer.ticket)
    assert landed(at, "ffdh", "xm") == [("AAAA1", "张三")]


def test_two_headers_for_one_column_are_refused(at):
    with pytest.raises(DataError) as caught:
        upload(at, sheet([(*ROW, "x")], header=("ffdh", "sfzh", "xm", "xb", "lxdh", "ffrq", "姓名")), "march.xlsx")
    assert caught.value.code == "collect.header.repeated"


def test_the_preview_says_what_it_would_replace(at):
    first = upload(at, sheet([ROW]), "march.xlsx")
    batch = intake.confirm(at, first.id, first.ticket).batch
    second = upload(at, sheet([("AAAA7", *ROW[1:])]), "march.xlsx")
    assert second.body["replaces"]["batch"] == batch
    intake.confirm(at, second.id, second.ticket)
    assert landed(at) == [("AAAA7",)]


def test_the_same_file_again_has_landed_before(at):
    content = sheet([ROW])
    first = upload(at, content, "march.xlsx")
    intake.confirm(at, first.id, first.ticket)
    again = upload(at, content, "march.xlsx")
    assert (again.state, again.is_repeated) == ("landed", True)
    assert len(landed(at)) == 1


def test_what_nobody_confirms_goes_after_a_day_with_its_content(at):
    answer = upload(at, sheet([ROW]), "march.xlsx")
    assert len(Inbox(at.folder).attempts("welfare")) == 1
    at.clock.at += timedelta(hours=25)
    intake.tidy(at, at.city.resource("welfare"))
    assert Inbox(at.folder).attempts("welfare") == []
    with pytest.raises(DeniedError):
        intake.confirm(at, answer.id, answer.ticket)


def test_a_delivery_to_a_resource_with_files_of_its_own_does_not_vanish(at, tmp_path):
    define(at, SOURCE="mz_sheets", MODE="full")
    (tmp_path / "incoming").mkdir()
    (tmp_path / "incoming" / "a.xlsx").write_bytes(sheet([ROW]))
    answer = upload(at, sheet([("AAAA7", *ROW[1:])]), "extra.xlsx")
    intake.confirm(at, answer.id, answer.ticket)
    chain.collect(at, Runner(at), ["welfare"])
    assert sorted(row[0] for row in landed(at)) == ["AAAA1", "AAAA7"]
    with at.store.read() as connection:
        from cityloom.store.findings import list_findings

        assert [f.code for f in list_findings(connection, "collect", "welfare")] == []


# -- rows set apart -------------------------------------------------------------------------------------------


def correct(at, change, ending="csv"):
    """Hand the rows out, change the text of the file, take it back."""
    resource = at.city.resource("welfare")
    rejects = corrections.hand_out(at, resource, OWNER)
    text = change(correcting.write_csv(resource, rejects).decode("utf-8-sig"))
    form = Form(kind="csv_files")
    return corrections.take_back(at, resource, OWNER, draft(at, text.encode(), f"rejects.{ending}"), form)


def test_corrected_rows_land_as_a_batch_of_their_own_and_are_marked(at_both):
    at = at_both
    first = push(at, BAD[:4])
    answer = correct(at, lambda text: text.replace("110105194912310021", ID))
    assert (answer.corrected, answer.wrong, answer.skipped) == (1, 1, 0)
    (made,) = answer.batches
    assert made["of"] == first.batch
    with at.store.read() as connection:
        batch = batches.find_batch(connection, made["batch"])
        rejects = {r.row: r for r in batches.list_rejects(connection, "welfare")}
    assert batch.origin.startswith(f"correction of {first.batch}")
    assert rejects[2].corrected_by == made["batch"]
    assert rejects[2].content["sfzh"] == "110105194912310021", "what came is kept"
    assert rejects[3].corrected_by is None
    assert {(one["row"], one["column"]) for one in answer.errors} == {(3, "xb"), (3, "ffrq")}
    assert sorted(row[0] for row in landed(at)) == ["AAAA1", "AAAA2", "AAAA4"]
    (event,) = events(at, EventKind.ROWS_CORRECTED)
    assert (event.details["batch"], event.details["by"], event.details["rows"]) == (first.batch, made["batch"], 1)


def test_the_same_corrected_file_again_changes_nothing(at):
    push(at, BAD[:2])
    kept = []

    def change(text):
        kept.append(text.replace("110105194912310021", ID))
        return kept[0]

    correct(at, change)
    again = corrections.take_back(at, at.city.resource("welfare"), OWNER, draft(at, kept[0].encode(), "r.csv"), Form(kind="csv_files"))
    assert (again.corrected, again.skipped) == (0, 1)
    assert len(landed(at)) == 2


def test_two_corrections_of_one_batch_do_not_replace_each_other(at):
    push(at, BAD[:3])
    correct(at, lambda text: text.replace("110105194912310021", ID))
    answer = correct(at, lambda text: text.replace("X,13800138000,2024-02-30", "2,13800138000,2024-02-28"))
    assert answer.corrected == 1
    assert sorted(row[0] for row in landed(at)) == ["AAAA1", "AAAA2", "AAAA3"]


def test_a_correction_whose_process_died_before_the_mark_is_marked_by_the_same_file(at, monkeypatch):
    push(at, BAD[:2])

    def die(*_args, **_options):
        raise KeyboardInterrupt

    fix = lambda text: text.replace("110105194912310021", ID)  # noqa: E731
    with monkeypatch.context() as patched:
        patched.setattr("cityloom.store.batches.mark_corrected", die)
        with pytest.raises(KeyboardInterrupt):
            correct(at, fix)
    answer = correct(at, fix)
    assert answer.corrected == 1
    assert sorted(row[0] for row in landed(at)) == ["AAAA1", "AAAA2"]
    with at.store.read() as connection:
        assert batches.open_rejects(connection, "welfare") == []


def test_rows_of_a_batch_that_was_replaced_are_not_handed_out(at):
    push(at, BAD[:2], "k1", "2026-01")
    push(at, [GOOD], "k2", "2026-01")
    assert corrections.hand_out(at, at.city.resource("welfare"), OWNER) == []


def test_handing_out_goes_on_record_and_others_are_refused(at):
    push(at, BAD[:2])
    assert len(corrections.hand_out(at, at.city.resource("welfare"), OWNER)) == 1
    (event,) = events(at, EventKind.REJECTS_SHOWN)
    assert (event.actor, event.details["rows"]) == ("mz.owner", 1)
    with pytest.raises(DeniedError):
        check_sender(at, at.city.resource("welfare"), POLICE)


def test_a_file_that_was_never_handed_out_is_refused(at):
    push(at, BAD[:2])
    resource = at.city.resource("welfare")
    content = b"ffdh,sfzh\nA,B\n"
    with pytest.raises(DataError) as caught:
        corrections.take_back(at, resource, OWNER, draft(at, content, "a.csv"), Form(kind="csv_files"))
    assert caught.value.code == "collect.correct.unmarked"
    assert Inbox(at.folder).attempts("welfare") == []


def test_a_row_twice_in_the_file_is_refused(at):
    push(at, BAD[:2])
    with pytest.raises(DataError) as caught:
        correct(at, lambda text: text + text.splitlines()[1] + "\n")
    assert caught.value.code == "collect.correct.repeated"


# -- receipts ---------------------------------------------------------------------------------------------


def test_a_receipt_is_proved_by_the_signed_log_and_any_change_is_seen(at):
    answer = push(at, BAD)
    batch = receipts.find_batch(at, answer.batch)
    value = json.loads(json.dumps(receipts.receipt_file(at, batch)))
    assert [one.name for one in proof.check_receipt_file(value, at.keys.vkey) if not one.is_good] == []
    assert value["document"]["receipt"]["landed_rows"] == 2
    assert proof.document_digest(value["document"]) == answer.body["receipt"]["digest"]
    changed = [
        ("event", {"document": {**value["document"], "origin": "other"}}),
        ("event", {"leaf": value["leaf"].replace("push:k1", "push:k2").replace(answer.body["receipt"]["digest"], "0")}),
        ("included", {"index": value["index"] + 1}),
        ("included", {"leaf": value["leaf"] + " "}),
        ("signed", {"checkpoint": value["checkpoint"].replace("\n", "\nx", 1)}),
    ]
    for name, change in changed:
        bad = {one.name for one in proof.check_receipt_file({**value, **change}, at.keys.vkey) if not one.is_good}
        assert name in bad
    other = Ed25519Signer.make(at.keys.audit.name).vkey
    assert {one.name for one in proof.check_receipt_file(value, other) if not one.is_good} == {"signed"}


def test_a_record_that_was_changed_in_the_store_no_longer_verifies(at):
    answer = push(at, BAD)
    batch = receipts.find_batch(at, answer.batch)
    forged = stage.replace(batch, receipt=stage.replace(batch.receipt, source_rows=2, rejected_rows=0))
    with at.store.write() as connection:
        batches.put_batch(connection, forged)
    value = receipts.receipt_file(at, receipts.find_batch(at, answer.batch))
    assert {one.name for one in proof.check_receipt_file(value, at.keys.vkey) if not one.is_good} == {"event"}


def test_a_superseded_batch_keeps_its_proof(at):
    first = push(at, [GOOD], "k1", "2026-01")
    push(at, [{**GOOD, "ffdh": "AAAA2"}], "k2", "2026-01")
    value = receipts.receipt_file(at, receipts.find_batch(at, first.batch))
    assert all(one.is_good for one in proof.check_receipt_file(value, at.keys.vkey))


def test_a_department_countersigns_with_its_own_key(at_both):
    at = at_both
    answer = push(at, [GOOD])
    batch = receipts.find_batch(at, answer.batch)
    signer = Ed25519Signer.make("mz/receipts")
    receipts.countersign(at, batch, OWNER, signer.pem)
    value = receipts.receipt_file(at, batch)
    checks = {one.name: one.is_good for one in proof.check_receipt_file(value, at.keys.vkey)}
    assert checks["countersigned"]
    (event,) = events(at, EventKind.RECEIPT_SIGNED)
    assert event.details["receipt"] == answer.body["receipt"]["digest"]
    value["signatures"][0]["note"] = value["signatures"][0]["note"].replace(answer.batch, "b_other")
    assert not {one.name: one.is_good for one in proof.check_receipt_file(value, at.keys.vkey)}["countersigned"]
    with pytest.raises(DeniedError):
        receipts.countersign(at, batch, POLICE, signer.pem)
    with pytest.raises(ConfigError):
        receipts.countersign(at, batch, OWNER, b"no key")


def test_a_batch_without_receipt_is_named(at):
    with pytest.raises(UserError) as caught:
        receipts.find_batch(at, "b_none")
    assert caught.value.code == "flows.batch.unknown"
    with at.store.read() as connection:
        assert records.find_delivery(connection, stable_id("d", "welfare", "k1")) is None


def test_a_push_task_without_deliveries_has_nothing_to_do(at):
    resource = at.city.resource("welfare")
    result = collect_stage.run(
        resource, at.city.sources["mz_push"], lake=at.lake, store=at.store, clock=at.clock, base=at.folder
    )
    assert (result.read, result.written) == (0, 0)
