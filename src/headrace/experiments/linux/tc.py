"""How packets fare on a link, and how that is told to ``tc netem`` and to the relay."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from headrace.experiments.attribute import Attribute, Types
from headrace.experiments.errors import InvalidAttribute

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["SHAPE_ATTRIBUTES", "Shape"]

_MEGA = 1_000_000

#: What a link's shape is set by; each can be changed while the link is used.
SHAPE_ATTRIBUTES: Final = (
    Attribute(
        "delay",
        "Milliseconds that a packet takes, in each direction",
        type=Types.Double,
        default=0.0,
        range=(0, 60_000),
    ),
    Attribute(
        "jitter",
        "Milliseconds that it takes more or less, evenly distributed; packets may overtake each other",
        type=Types.Double,
        default=0.0,
        range=(0, 60_000),
    ),
    Attribute(
        "loss",
        "How many of 100 packets are lost, in each direction, each by chance",
        type=Types.Double,
        default=0.0,
        range=(0, 100),
    ),
    Attribute(
        "rate",
        "Megabits a second, in each direction; 0: as many as can be",
        type=Types.Double,
        default=0.0,
        range=(0, 100_000),
    ),
    Attribute(
        "queue",
        "How many packets may be under way in each direction; further ones are lost",
        type=Types.Integer,
        default=1000,
        range=(1, 1_000_000),
    ),
)


@dataclass(frozen=True, slots=True)
class Shape:
    """How packets fare on a link, in each direction.

    Attributes:
        delay: milliseconds.
        jitter: milliseconds, more or less than that; not more than it.
        loss: percent.
        rate: megabits a second; 0: no limit.
        queue: packets that may be under way.

    Raises:
        InvalidAttribute: the jitter is more than the delay: packets cannot arrive before they are sent.
    """

    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    rate: float = 0.0
    queue: int = 1000

    def __post_init__(self) -> None:
        if self.jitter > self.delay:
            raise InvalidAttribute(
                f"attribute jitter: {self.jitter:g} ms is refused: it may be at most the delay, {self.delay:g} ms; set "
                "the delay first"
            )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Shape:
        """Return the shape that a link's attributes say."""
        return cls(**{attribute.name: values[attribute.name] for attribute in SHAPE_ATTRIBUTES})

    def netem(self) -> list[str]:
        """Return the arguments of ``tc qdisc replace dev DEVICE root``.

        All are said each time: what is left out of a change stays as it was.
        """
        delay, jitter = (f"{round(value * 1000)}us" for value in (self.delay, self.jitter))
        rate = f"{round(self.rate * _MEGA)}bit"
        return [
            "netem", "limit", str(self.queue), "delay", delay, jitter, "loss", f"{self.loss:.6f}%", "rate", rate
        ]  # fmt: skip

    def relay(self) -> str:
        """Return what the relay is told."""
        return json.dumps(
            {
                "delay": self.delay / 1000,
                "jitter": self.jitter / 1000,
                "loss": self.loss / 100,
                "rate": self.rate * _MEGA,
                "queue": self.queue,
            }
        )
