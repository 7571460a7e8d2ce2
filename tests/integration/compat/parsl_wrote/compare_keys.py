"""Compare Headrace's keys of random calls with Parsl's: ``PYTHON_WITH_BOTH compare_keys.py NUMBER [SEED]``."""

from __future__ import annotations

import enum
import logging
import random
import string
import sys
from typing import Any

from parsl.app.errors import wrap_error
from parsl.dataflow import memoization

from headrace.compat.parsl_checkpoints import key

LETTERS = string.printable + "äß漢\U0001f600\udc80"


class Colour(enum.IntEnum):
    """Numbers with names."""

    red = 1
    blue = 2


class Name(str):
    """A text with a class of its own."""

    __slots__ = ()


class Point:
    """Something that Parsl does not know."""

    def __init__(self, part: object) -> None:
        self.part = part


class Constant:
    """Something of which every two are the same."""


def first(x: object) -> object:
    """Be an app."""
    return x


def second(x: object) -> object:
    """Be another."""
    return x


class Values:
    """Makes random ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - no secret
        pick = self.random.choice
        self.leaves = [
            lambda: self.random.randint(-300, 70_000),
            lambda: pick([2**31, 2**63, -(2**2000), 10**300]),
            lambda: pick([0.0, -0.0, 1.5, float("inf"), float("nan"), 1e-300]),
            lambda: "".join(pick(LETTERS) for _ in range(self.random.randint(0, 12))),
            lambda: "x" * pick([255, 256, 70_000]),
            lambda: pick([None, True, False, *Colour, Name("n")]),
            lambda: pick([first, second, Values]) if pick([0, 1]) else first,
            Constant,
        ]

    def one(self, depth: int = 0) -> Any:  # noqa: ANN401 - of any type
        """Return a value, nested up to a depth of five."""
        kind = self.random.randint(0, 12 if depth < 5 else 7)
        if kind <= 7:
            value = self.leaves[kind]()
            return first if value is Values else value
        parts = [self.one(depth + 1) for _ in range(self.random.randint(0, 4))]
        if kind == 8:
            return parts
        if kind == 9:
            return tuple(parts)
        if kind == 10:
            return {"".join(self.random.choices("abcxyz", k=3)): part for part in parts}
        if kind == 11:
            return [parts, parts, (parts,)]
        return Point(parts)


def of_point(id_for_memo: Any) -> Any:  # noqa: ANN401 - two of different types
    """Return a function for `Point` that builds on what is said of other values."""
    return lambda value, output_ref=False: id_for_memo([value.part, output_ref], output_ref=output_ref)


def main(number: int, seed: int) -> None:
    """Compare, and say how many were equal."""
    logging.disable()
    for id_for_memo in (memoization.id_for_memo, key.id_for_memo):
        id_for_memo.register(Point, of_point(id_for_memo))
        id_for_memo.register(Constant, lambda value, output_ref=False: b"one and the same")  # noqa: ARG005 - Parsl's
    values = Values(seed)
    equal = 0
    for _ in range(number):
        func = values.random.choice([first, second])
        args = [values.one() for _ in range(values.random.randint(0, 3))]
        names = values.random.sample(["p", "q", "inputs", "outputs", "stdout", "walltime"], values.random.randint(0, 4))
        kwargs = {name: values.one() for name in names}
        ignore = [name for name in names if name != "outputs" and values.random.random() < 0.2]
        task: Any = {"func": wrap_error(func), "args": args, "kwargs": kwargs, "ignore_for_cache": ignore}
        equal += memoization.make_hash(task) == key.key_of_call(func, args, kwargs, ignore=ignore)
    sys.stdout.write(f"{number} calls, {equal} equal keys\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
