"""The smallest workflow: squares in parallel, and their sum once all are there."""

from __future__ import annotations

import headrace
from headrace import python_app


@python_app
def square(number: int) -> int:
    """Square a number."""
    return number * number


@python_app
def total(inputs: list[int]) -> int:
    """Add numbers up."""
    return sum(inputs)


if __name__ == "__main__":
    with headrace.load():
        squares = [square(number) for number in range(10)]
        print(total(inputs=squares).result())
