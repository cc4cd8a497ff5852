"""The hash tree against published vectors, a plain definition, and damaged proofs."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cityloom.kernel import merkle

# The test tree of Certificate Transparency (RFC 6962 implementations): eight leaves and the root of each size.
LEAVES = [bytes.fromhex(h) for h in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def plain_root(leaves: list[bytes]) -> bytes:
    """The definition of RFC 9162, 2.1.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + plain_root(leaves[:k]) + plain_root(leaves[k:])).digest()


class Tree:
    """A tree that keeps all its nodes in memory."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.nodes: dict[merkle.Node, bytes] = {}
        self.frontier: tuple[bytes, ...] = ()
        for index, leaf in enumerate(leaves):
            digest = merkle.leaf_hash(leaf)
            self.nodes[(0, index)] = digest
            self.frontier, made = merkle.grow(self.frontier, index, digest)
            self.nodes.update(made)

    def prove(self, ranges: list[merkle.Range]) -> list[bytes]:
        return merkle.prove(ranges, lambda nodes: {node: self.nodes[node] for node in nodes})


@pytest.mark.parametrize("size", range(9))
def test_roots_are_the_published_ones(size: int) -> None:
    assert merkle.fold(Tree(LEAVES[:size]).frontier).hex() == ROOTS[size]


@pytest.mark.parametrize(
    ("index", "size", "proof"),
    [
        (0, 1, []),
        (0, 8, [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ]),
        (5, 8, [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]),
    ],
)  # fmt: skip
def test_inclusion_proofs_are_the_published_ones(index: int, size: int, proof: list[str]) -> None:
    tree = Tree(LEAVES[:size])
    assert [h.hex() for h in tree.prove(merkle.inclusion_ranges(index, size))] == proof


@pytest.mark.parametrize(
    ("old", "new", "proof"),
    [
        (1, 1, []),
        (1, 8, [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ]),
        (6, 8, [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]),
    ],
)  # fmt: skip
def test_consistency_proofs_are_the_published_ones(old: int, new: int, proof: list[str]) -> None:
    tree = Tree(LEAVES)
    assert [h.hex() for h in tree.prove(merkle.consistency_ranges(old, new))] == proof


def test_every_proof_of_every_size_up_to_40_verifies() -> None:
    leaves = [bytes([i]) for i in range(40)]
    roots = [plain_root(leaves[:n]) for n in range(41)]
    tree = Tree(leaves)
    for size in range(41):
        assert merkle.fold(Tree(leaves[:size]).frontier) == roots[size]
        for index in range(size):
            proof = tree.prove(merkle.inclusion_ranges(index, size))
            assert merkle.verify_inclusion(merkle.leaf_hash(leaves[index]), index, size, proof, roots[size])
        for old in range(size + 1):
            proof = tree.prove(merkle.consistency_ranges(old, size))
            assert merkle.verify_consistency(old, size, proof, roots[old], roots[size])


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_inclusion_proof_fails(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 40))
    index = data.draw(st.integers(0, size - 1))
    leaves = [bytes([i]) for i in range(size)]
    proof, root = Tree(leaves).prove(merkle.inclusion_ranges(index, size)), plain_root(leaves)
    leaf = merkle.leaf_hash(leaves[index])
    assert not merkle.verify_inclusion(leaf, index, size, damage(data, proof), root)
    assert not merkle.verify_inclusion(flip(leaf), index, size, proof, root)
    assert not merkle.verify_inclusion(leaf, index, size, proof, flip(root))
    if size > 1:
        other = data.draw(st.integers(0, size - 1).filter(lambda i: i != index))
        assert not merkle.verify_inclusion(leaf, other, size, proof, root)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_consistency_proof_fails(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, 40))
    old = data.draw(st.integers(0, new))
    leaves = [bytes([i]) for i in range(new)]
    proof = Tree(leaves).prove(merkle.consistency_ranges(old, new))
    old_root, new_root = plain_root(leaves[:old]), plain_root(leaves)
    assert not merkle.verify_consistency(old, new, damage(data, proof), old_root, new_root)
    assert not merkle.verify_consistency(old, new, proof, flip(old_root), new_root)
    if old > 0:
        assert not merkle.verify_consistency(old, new, proof, old_root, flip(new_root))
    assert not merkle.verify_consistency(new + 1, new, proof, old_root, new_root)


def flip(value: bytes) -> bytes:
    return bytes([value[0] ^ 1]) + value[1:]


def damage(data: st.DataObject, proof: list[bytes]) -> list[bytes]:
    """The proof with one hash changed, removed or added."""
    if not proof:
        return [b"\x07" * 32]
    place = data.draw(st.integers(0, len(proof) - 1))
    how = data.draw(st.sampled_from(("change", "remove", "add")))
    if how == "change":
        return [*proof[:place], flip(proof[place]), *proof[place + 1 :]]
    if how == "remove":
        return [*proof[:place], *proof[place + 1 :]]
    return [*proof[:place], b"\x07" * 32, *proof[place:]]
