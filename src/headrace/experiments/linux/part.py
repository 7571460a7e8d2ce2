"""What the parts of a network have in common."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from headrace.experiments.errors import ExperimentError, ResourceLost
from headrace.experiments.linux import ip
from headrace.experiments.linux.machine import Machine
from headrace.experiments.linux.netns import node_of
from headrace.experiments.resource import ResourceManager
from headrace.experiments.state import ResourceState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headrace.experiments.hosts import Host
    from headrace.experiments.linux.node import Node

__all__ = ["NetworkPart"]


class NetworkPart(ResourceManager):
    """A part of a network on a host. Not to be registered: its subclasses are.

    What is named in `live` can be set while the part is there: it is in force when `set` returns, and is as it was if
    the host refuses it.
    """

    _rtype: ClassVar[str] = "linux::NetworkPart"
    _platform: ClassVar[str] = "linux"

    #: For subclasses: the attributes that `apply` puts in force.
    live: ClassVar[frozenset[str]] = frozenset()
    #: For subclasses: what it may be connected to, by type, and to how many of that.
    partners: ClassVar[Mapping[str, int]] = {}

    #: Whether it is there, as far as this controller knows.
    _there = False
    _changing: asyncio.Lock | None = None

    # --- where it is --------------------------------------------------------------------------------------------------

    @property
    def machine(self) -> Machine:
        """What it is on: a namespace, or a host itself.

        Raises:
            ExperimentError: it is connected to none.
        """
        machines: list[Machine] = self.get_connected(Machine)
        if len(machines) != 1:
            raise ExperimentError(f"{self}: it is on no host; connect it to a linux::NetNS before it is deployed")
        return machines[0]

    @property
    def node(self) -> Node:
        """The host that it is on. Raises ExperimentError."""
        return node_of(self.machine)

    async def reach(self) -> Host:
        """Return the host that it is on, connected."""
        return await self.node.reach()

    async def change(self, commands: Sequence[Sequence[str]], doing: str) -> None:
        """Have its host run commands as root. Raises as `ip.change`."""
        await ip.change(await self.reach(), commands, f"{self}: {doing}")

    def valid_connection(self, guid: int) -> bool | str:
        """Tell why it cannot be connected to a resource that is none of its `partners`, or one too many."""
        other = self.ec.get_resource(guid)
        kinds = {getattr(cls, "_rtype", None) for cls in type(other).__mro__}
        for rtype, limit in self.partners.items():
            if rtype in kinds:
                others = [each for each in self.get_connected(rtype) if each is not other]
                if len(others) >= limit:
                    return f"a {self.rtype} is connected to {limit} {rtype} at most, and this one is to {others[0]}"
                return True
        return f"a {self.rtype} is connected to {', '.join(self.partners)}; not to a {other.rtype}"

    # --- changing it --------------------------------------------------------------------------------------------------

    def set(self, name: str, value: Any) -> None:  # noqa: ANN401 - it is checked
        """Set an attribute; see `ResourceManager.set`. What is `live` is in force on return.

        Raises:
            HostError: the host refuses it, or cannot be reached; the attribute is as it was.
        """
        # Also while it is being made: what is set then may come too late for that, and not too late for this.
        if name in self.live and self._changing is not None and self.state is not ResourceState.RELEASED:
            self._stage.loop.run(self._set_live(name, value))
        else:
            super().set(name, value)

    async def _set_live(self, name: str, value: Any) -> None:  # noqa: ANN401 - it is checked
        async with self._alone():
            checked = self._declared(name).check(value)
            hook = self._declared(name).set_hook
            if hook is not None:
                kept = hook(self.get(name), checked)
                checked = checked if kept is None else kept
            if self._there:
                await self.apply({name: checked})
            super().set(name, checked)

    async def apply(self, values: Mapping[str, Any]) -> None:
        """Put values of `live` attributes in force, in place of those that `get` returns."""

    def _alone(self) -> asyncio.Lock:
        """One change at a time: what is in force is what was set last."""
        if self._changing is None:
            self._changing = asyncio.Lock()
        return self._changing

    # --- its life -----------------------------------------------------------------------------------------------------

    async def make(self) -> None:
        """Make it. For subclasses."""

    async def unmake(self) -> None:
        """Take away what is there of it, which may be nothing. For subclasses."""

    async def find(self) -> bool:
        """Tell whether it is there. For subclasses."""
        return False

    async def do_provision(self) -> None:
        """Make it."""
        async with self._alone():
            await self.make()
            self._there = True

    async def do_start(self) -> None:
        """Keep in mind that it is STARTED."""
        await self.keep(started=True)

    async def do_release(self) -> None:
        """Take away what is there of it, also what a controller that died has made."""
        async with self._alone():
            self._there = False
            if self.facts:
                await self.unmake()

    def do_recover(self) -> ResourceState:
        """Find it again."""
        return self._stage.loop.run(self._recover())

    async def _recover(self) -> ResourceState:
        facts = self.facts
        if not await self.find():
            raise ResourceLost(f"{self}: it is not there any more")
        self._there = True
        return ResourceState.STARTED if facts.get("started") else ResourceState.READY

    async def keep(self, **facts: Any) -> None:  # noqa: ANN401 - what JSON can say
        """Remember facts, without holding up the loop."""
        await asyncio.to_thread(self.remember, **facts)
