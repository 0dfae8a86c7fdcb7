"""The device's SHA-384: no intermediate of its machine code passes 31 bits, and hashlib finds the same digests.

A Pico's machine words have 32 bits, this machine's 64: an overflow would be invisible here. So the very source text of
the two compiled functions runs on *spans*: each limb that is read may be anything from 0 to 2^16 - 1; each operation
tells the largest number that can come of it. What holds for spans holds for every message.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.fare import sha384

LIMB = 1 << 16
LIMIT = 1 << 31
SOURCE = Path(sha384.__file__).read_text(encoding="utf-8")


class PassedTheLimit(Exception):
    pass


def most(value: Span | int) -> int:
    return value.most if isinstance(value, Span) else value


def all_ones(value: int) -> int:
    return (1 << value.bit_length()) - 1


class Span:
    """Any whole number from 0 to `most`."""

    def __init__(self, most: int) -> None:
        if most >= LIMIT:
            raise PassedTheLimit(f"up to {most:#x}")
        self.most = most

    def __add__(self, other: Span | int) -> Span:
        return Span(self.most + most(other))

    def __lshift__(self, by: int) -> Span:
        return Span(self.most << by)

    def __rshift__(self, by: int) -> Span:
        return Span(self.most >> by)

    def __and__(self, other: Span | int) -> Span:
        return Span(min(self.most, most(other)))

    def __or__(self, other: Span | int) -> Span:
        return Span(all_ones(max(self.most, most(other))))

    __radd__ = __add__
    __rand__ = __and__
    __xor__ = __rxor__ = __ror__ = __or__


class Limbs:
    """An array of limbs: what is read is any, what is written must fit."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __getitem__(self, at: int) -> Span:
        assert 0 <= at < self.length
        return Span(LIMB - 1)

    def __setitem__(self, at: int, value: Span | int) -> None:
        assert 0 <= at < self.length
        if most(value) >= LIMB:
            raise PassedTheLimit(f"a limb of up to {most(value):#x}")


def functions(source: str) -> dict[str, Callable[..., Any]]:
    """The compiled functions of `source`, where a conversion to int changes nothing and pointers are arrays."""
    tree = ast.parse(source)
    chosen: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            assert [ast.unparse(decorator) for decorator in node.decorator_list] == ["micropython.viper"]
            node.decorator_list = []
            chosen.append(node)
    space: dict[str, Any] = {"int": lambda value: value, "ptr16": lambda buffer: buffer}
    exec(compile(ast.Module(chosen, []), "sha384", "exec"), space)
    return {node.name: space[node.name] for node in chosen if isinstance(node, ast.FunctionDef)}


def run(source: str) -> None:
    made = functions(source)
    assert set(made) == {"_expand", "_mix"}
    made["_expand"](Limbs(320))
    made["_mix"](Limbs(320), Limbs(320), Limbs(32), Limbs(32))


def test_no_intermediate_passes_31_bits() -> None:
    run(SOURCE)


@pytest.mark.parametrize(
    ("line", "planted"),
    [
        ("(b1 << 15)", "(b1 << 16)"),
        ("(e1 << 2)", "(e1 << 17)"),
        ("total: int = carry + (one & 0xFFFF)", "total: int = carry + (one << 3)"),
        ("w[t + i] = total & 0xFFFF", "w[t + i] = total"),
        ("s[i * 4 + t] = carry & 0xFFFF", "s[i * 4 + t] = carry"),
    ],
)
def test_a_planted_overflow_is_found(line: str, planted: str) -> None:
    assert SOURCE.count(line) == 1
    with pytest.raises(PassedTheLimit):
        run(SOURCE.replace(line, planted))


def software(*parts: bytes) -> bytes:
    out = bytearray(48)
    sha384.software_digest(parts, out)
    return bytes(out)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=400), max_size=4))
def test_hashlib_finds_the_same(parts: list[bytes]) -> None:
    assert software(*parts) == hashlib.sha384(b"".join(parts)).digest()


def test_every_length_around_a_block() -> None:
    for length in (*range(20), *range(105, 135), *range(235, 265)):
        message = bytes(range(256))[:length] + bytes(max(0, length - 256))
        assert software(message) == hashlib.sha384(message).digest(), length
