"""An experiment whose time the test owns, with resource types that the test makes as it needs them."""

from __future__ import annotations

import itertools
import threading
import time
from typing import TYPE_CHECKING, Any

from headrace.experiments import ExperimentController, ResourceFactory, ResourceManager
from headrace.testing import VirtualClock, broken_invariants

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["WAIT", "Lab", "Plain"]

#: How long a test waits for what should happen at once, in seconds.
WAIT = 20


class Plain(ResourceManager):
    """Nothing is written, so everything that is done to it is done at once, on the thread that asks for it."""

    _rtype = "Plain"


class Lab:
    """Controllers on one virtual clock, with a factory of their own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = VirtualClock()
        self.factory = ResourceFactory()
        self.factory.register_type(Plain)
        self._numbers = itertools.count(1)
        self._controllers: list[ExperimentController] = []
        self.ec = self.controller()

    def controller(self, exp_id: str | None = None, **options: Any) -> ExperimentController:  # noqa: ANN401 - the controller's own
        """Make another controller."""
        options = {"clock": self.clock, "factory": self.factory, "journal": False, **options}
        ec = ExperimentController(exp_id, self.root, **options)
        self.clock.on_advance(ec._stage.tick)
        self._controllers.append(ec)
        return ec

    def kind(self, base: type[ResourceManager] = ResourceManager, **members: Any) -> str:  # noqa: ANN401 - any members
        """Make a resource type with these members; return its name."""
        name = f"Kind{next(self._numbers)}"
        members = {"_rtype": name, "release_patience": 0.05, "__module__": __name__, **members}
        self.factory.register_type(type(name, (base,), members))
        return name

    def add(self, rtype: str = "Plain", number: int = 1, **options: Any) -> list[int]:  # noqa: ANN401 - attributes
        """Register resources of a type."""
        return [self.ec.register_resource(rtype, **options) for _ in range(number)]

    def states(self, *guids: int) -> list[str]:
        """Say where resources are."""
        return [self.ec.state(guid, hr=True) for guid in guids]

    def run(self, *guids: int) -> None:
        """Deploy resources that do everything at once, each by itself."""
        self.ec.deploy(list(guids), wait_all_ready=False)

    def lose_patience(self, guid: int) -> None:
        """Release a resource one of whose hooks hangs; it is left when the patience with it is over."""
        unit = self.ec.get_resource(guid)._unit
        thread = threading.Thread(target=self.ec.release, args=(guid, WAIT))
        thread.start()
        deadline = time.monotonic() + WAIT
        while not any(each == "patience" for each, *_ in self._waits()) and time.monotonic() < deadline:
            time.sleep(0.001)
        self.clock.advance(1)
        thread.join(WAIT)
        assert unit.ended

    def _waits(self) -> list[tuple[object, ...]]:
        return [key for key in tuple(self.ec._stage._scheduler.units) if isinstance(key, tuple)]

    def close(self) -> None:
        """Shut all down; the books must be in order."""
        for ec in self._controllers:
            ec.shutdown(timeout=2)
            assert broken_invariants(ec._stage._scheduler) == []
