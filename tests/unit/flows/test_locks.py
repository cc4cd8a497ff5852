"""Locks: the same work is never done twice at once, different work is; a dead process holds nothing."""

import signal
import subprocess
import sys
import threading

import pytest

from cityloom.flows.bootstrap import open_workspace
from cityloom.flows.locks import Locks, own_folder
from cityloom.kernel.config import Settings
from cityloom.kernel.errors import UserError

HOLD = """
import sys, pathlib
from cityloom.flows.locks import Locks, own_folder
with Locks(pathlib.Path(sys.argv[1])).hold(*sys.argv[3:]), own_folder(pathlib.Path(sys.argv[2])) as folder:
    (folder / "left").write_text("x")
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds the locks a and b, and a folder of its own."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "locks"), str(tmp_path / "spill"), "a", "b"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_what_another_process_holds_is_busy_and_the_rest_is_free(tmp_path, other) -> None:
    locks = Locks(tmp_path / "locks")
    with pytest.raises(UserError) as caught, locks.hold("c", "b"):
        pass
    assert caught.value.code == "flows.subject.busy"
    assert str(other.pid) in caught.value.message
    with locks.hold("c", "d"):
        assert locks.is_held("d")
    assert (locks.is_held("a"), locks.is_held("c")) == (True, False)


def test_a_killed_process_holds_nothing(tmp_path, other) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait()
    with Locks(tmp_path / "locks").hold("a", "b"):
        pass


def test_whoever_waits_goes_on_when_the_other_is_done(tmp_path, other) -> None:
    threading.Timer(0.2, other.kill).start()
    with Locks(tmp_path / "locks").hold("a", wait=20):
        pass


def test_a_killed_process_leaves_its_folder_to_the_next_one_and_a_living_one_keeps_it(tmp_path, other) -> None:
    (kept,) = [p for p in (tmp_path / "spill").iterdir() if p.is_dir()]
    with own_folder(tmp_path / "spill") as mine:
        assert (kept / "left").is_file()
        assert mine != kept
    other.kill()
    other.wait()
    with own_folder(tmp_path / "spill") as mine:
        assert [p for p in (tmp_path / "spill").iterdir() if p.is_dir()] == [mine]
    assert [p.name for p in (tmp_path / "spill").iterdir()] == [".lock"]


def test_two_that_open_a_workspace_spill_apart(tmp_path) -> None:
    settings = Settings(workspace=tmp_path / "w")
    first, second = open_workspace(settings), open_workspace(settings)
    folders = [p for p in (tmp_path / "w" / "spill").iterdir() if p.is_dir()]
    assert len(folders) == 2
    first.close()
    second.close()
    assert not [p for p in (tmp_path / "w" / "spill").iterdir() if p.is_dir()]
