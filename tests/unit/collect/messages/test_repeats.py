"""What comes again after a breakdown is recognised, and nothing else is taken for it."""

from __future__ import annotations

from cityloom.collect.messages.repeats import Repeats, identity

A, B, C, D = (identity(text) for text in (b"a", b"b", b"c", b"d"))


def given(repeats: Repeats, *ones: bytes, is_marked: bool = True) -> list[bytes]:
    """Those of a delivery that are new."""
    return [one for one in ones if not repeats.is_repeat(one, is_marked=is_marked)]


def test_an_identity_tells_parts_apart() -> None:
    assert identity(b"ab", b"c") != identity(b"a", b"bc")
    assert len(identity(b"")) == 8


def test_what_landed_and_was_not_acknowledged_is_a_repeat_as_often_as_it_landed() -> None:
    first = Repeats("")
    assert given(first, A, A, B, is_marked=False) == [A, A, B]
    second = Repeats(first.position())
    assert given(second, A, A, A, B, C) == [A, C]


def test_what_was_never_marked_is_never_a_repeat() -> None:
    first = Repeats("")
    given(first, A, is_marked=False)
    assert given(Repeats(first.position()), A, is_marked=False) == [A]


def test_what_is_acknowledged_for_certain_is_forgotten() -> None:
    first = Repeats("")
    given(first, A, is_marked=False)
    first.settled()
    assert given(Repeats(first.position()), A) == [A]


def test_only_what_was_given_is_forgotten_while_more_may_come_again() -> None:
    first = Repeats("")
    given(first, A, B, C, is_marked=False)
    second = Repeats(first.position())
    assert given(second, A) == []
    second.settled()
    third = Repeats(second.position())
    assert given(third, A, B, C, D) == [A, D]


def test_a_message_without_mark_tells_that_all_has_come_again() -> None:
    first = Repeats("")
    given(first, A, B, is_marked=False)
    second = Repeats(first.position())
    given(second, C, is_marked=False)
    second.settled()
    assert given(Repeats(second.position()), B) == [B]


def test_after_the_link_broke_what_is_in_hand_comes_again_and_is_a_repeat() -> None:
    one = Repeats("")
    given(one, A, B, is_marked=False)
    one.link()
    assert given(one, A, B, C) == [C]
    assert given(Repeats(one.position()), A, B, C) == []


def test_positions_differ_although_contents_are_equal() -> None:
    one = Repeats("")
    given(one, A, is_marked=False)
    first = one.position()
    one.settled()
    given(one, A, is_marked=False)
    assert one.position() != first


def test_what_did_not_come_again_in_time_is_given_up() -> None:
    first = Repeats("")
    given(first, A, B, is_marked=False)
    second = Repeats(first.position())
    given(second, A)
    second.forget()
    assert given(second, B) == [B]
    assert given(Repeats(second.position()), A, B, C) == [C]
