"""The hash tree of RFC 9162, section 2.1: pure arithmetic over SHA-256, without storage.

A tree over ``n`` leaves is described in three ways here: by its *frontier* (hashes of the complete subtrees
it falls into, largest first, one for each bit of ``n``), by *nodes* ``(level, index)`` (the complete subtree
over leaves ``index << level`` up to ``(index + 1) << level``), and by *ranges* ``(start, end)`` of leaves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from hmac import compare_digest

Node = tuple[int, int]
"""A complete subtree: level (0 is a leaf) and index within the level."""
Range = tuple[int, int]
"""Leaves from start to before end."""

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of a tree without leaves."""


def leaf_hash(data: bytes) -> bytes:
    """Hash of a leaf: SHA-256 over ``0x00`` and its bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256 over ``0x01`` and the hashes of its two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def place(node: Node) -> int:
    """A number of its own for each complete subtree: its position when the tree is read from left to right."""
    level, index = node
    return (2 * index + 1 << level) - 1


def grow(frontier: Sequence[bytes], size: int, leaf: bytes) -> tuple[tuple[bytes, ...], list[tuple[Node, bytes]]]:
    """Add a leaf's hash to a tree of ``size`` leaves.

    Returns the new frontier and the inner nodes that this leaf completed, lowest first.
    """
    stack, made, level, index, top = list(frontier), [], 0, size, leaf
    while index & 1:
        top = node_hash(stack.pop(), top)
        level, index = level + 1, index >> 1
        made.append(((level, index), top))
    return (*stack, top), made


def fold(hashes: Sequence[bytes]) -> bytes:
    """Root over complete subtrees given largest first: the frontier's root, or a range's hash."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def cover(span: Range) -> list[Node]:
    """The complete subtrees that make up a range of leaves as RFC 9162 cuts it, largest first."""
    start, end = span
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The ranges whose hashes prove that leaf ``index`` is in the tree of ``size`` leaves, leaf side first."""
    ranges: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def consistency_ranges(old: int, new: int) -> list[Range]:
    """The ranges whose hashes prove that the tree of ``old`` leaves is a beginning of that of ``new``."""
    if old in (0, new):
        return []
    ranges: list[Range] = []
    start, end, is_whole = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start, is_whole = middle, False
    if not is_whole:
        ranges.append((start, end))
    return ranges[::-1]


def prove(ranges: Sequence[Range], find: Callable[[Sequence[Node]], dict[Node, bytes]]) -> list[bytes]:
    """Hashes of ranges, given a function that finds the hashes of complete subtrees (asked once)."""
    covers = [cover(span) for span in ranges]
    known = find([node for nodes in covers for node in nodes])
    return [fold([known[node] for node in nodes]) for nodes in covers]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether a proof shows that the leaf hash stands at ``index`` in the tree with that root.

    Standard: RFC 9162, 2.1.3.2.
    """
    if not 0 <= index < size:
        return False
    fn, sn, node = index, size - 1, leaf
    for one in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            node = node_hash(one, node)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = node_hash(node, one)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and compare_digest(node, root)


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether a proof shows that the tree with ``old_root`` is a beginning of the one with ``new_root``.

    Standard: RFC 9162, 2.1.4.2.
    """
    if not 0 <= old <= new:
        return False
    if old in (0, new):
        is_root = compare_digest(old_root, new_root if old else EMPTY_ROOT)
        return is_root and not proof
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    return _climb(path, fn, sn, old_root, new_root)


def _climb(path: Sequence[bytes], fn: int, sn: int, old_root: bytes, new_root: bytes) -> bool:
    old_node = new_node = path[0]
    for one in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            old_node, new_node = node_hash(one, old_node), node_hash(one, new_node)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            new_node = node_hash(new_node, one)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and compare_digest(old_node, old_root) and compare_digest(new_node, new_root)


def _split(count: int) -> int:
    """The largest power of two below ``count``."""
    return 1 << (count - 1).bit_length() - 1
