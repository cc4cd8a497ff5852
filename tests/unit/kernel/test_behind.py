"""Work behind one's back: in order, one at a time, and no error is swallowed."""

from __future__ import annotations

import threading

import pytest

from cityloom.kernel.behind import Behind


def test_things_are_worked_on_in_order_in_another_thread() -> None:
    seen: list[tuple[int, int]] = []
    with Behind(lambda n: seen.append((n, threading.get_ident()))) as work:
        for number in range(50):
            work(number)
    assert [n for n, _ in seen] == list(range(50))
    assert {thread for _, thread in seen} != {threading.get_ident()}


def test_an_error_comes_with_the_next_thing() -> None:
    def fail(number: int) -> None:
        if number == 1:
            raise ValueError(number)

    done = []
    with pytest.raises(ValueError, match="1"), Behind(fail) as work:
        for number in range(5):
            work(number)
            done.append(number)
    assert done == [0, 1]


def test_an_error_of_the_last_thing_comes_at_the_end() -> None:
    def fail(number: int) -> None:
        raise ValueError(number)

    with pytest.raises(ValueError, match="7"), Behind(fail) as work:
        work(7)


def test_an_error_of_the_caller_is_the_one_that_counts() -> None:
    def fail(number: int) -> None:
        raise ValueError(number)

    with pytest.raises(KeyError), Behind(fail) as work:
        work(1)
        raise KeyError


def test_at_most_two_things_are_held() -> None:
    free, working = threading.Semaphore(0), threading.Semaphore(0)

    def slow(number: int) -> None:
        working.release()
        free.acquire()

    with Behind(slow) as work:
        work(1)
        working.acquire()
        third = threading.Thread(target=work, args=(2,))
        third.start()
        third.join(0.05)
        assert third.is_alive()
        free.release(2)
        third.join()
