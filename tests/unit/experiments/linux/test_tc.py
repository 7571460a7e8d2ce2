"""How packets fare on a link, as netem and the relay are told."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from headrace.experiments.errors import InvalidAttribute
from headrace.experiments.linux.relay import Form
from headrace.experiments.linux.tc import SHAPE_ATTRIBUTES, Shape


def test_netem_is_told_everything_each_time() -> None:
    """What is left out of a change stays as it was."""
    assert " ".join(Shape().netem()) == "netem limit 1000 delay 0us 0us loss 0.000000% rate 0bit"


def test_netem_is_told_in_its_own_units() -> None:
    shape = Shape(delay=12.5, jitter=0.25, loss=0.1, rate=1.5, queue=50)

    assert " ".join(shape.netem()) == "netem limit 50 delay 12500us 250us loss 0.100000% rate 1500000bit"


def test_the_relay_is_told_in_si_units() -> None:
    shape = Shape(delay=12.5, jitter=0.25, loss=10, rate=1.5, queue=50)

    told = Form(**json.loads(shape.relay()))
    assert told == Form(delay=0.0125, jitter=0.00025, loss=0.1, rate=1_500_000, queue=50)


def test_a_jitter_beyond_the_delay_is_refused() -> None:
    with pytest.raises(InvalidAttribute, match="at most the delay, 1 ms"):
        Shape(delay=1, jitter=2)


def test_the_defaults_shape_nothing() -> None:
    assert Shape.of({each.name: each.default for each in SHAPE_ATTRIBUTES}) == Shape()


def test_each_part_of_a_shape_is_an_attribute() -> None:
    assert [each.name for each in SHAPE_ATTRIBUTES] == [each.name for each in fields(Shape)]
