"""Stands for `nepi.execution.resource`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import headrace.experiments as ours
from headrace.compat.nepi.states import as_seen
from headrace.experiments import ResourceAction, ResourceState
from headrace.experiments.declared import clsinit, clsinit_copy

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

__all__ = [
    "ResourceAction",
    "ResourceFactory",
    "ResourceManager",
    "ResourceState",
    "clsinit",
    "clsinit_copy",
    "failtrap",
    "find_types",
    "populate_factory",
]

_F = TypeVar("_F", bound="Callable[..., object]")

ResourceFactory = ours.ResourceFactory


def failtrap(func: _F) -> _F:
    """Return the function itself: whatever a method of a resource raises makes the resource fail anyway."""
    return func


def find_types() -> list[type]:
    """Return the classes of all resource types."""
    return list(ours.ResourceFactory.load_all().values())


def populate_factory() -> None:
    """Do nothing: types are found when they are first asked for."""


class ResourceManager(ours.ResourceManager):
    """A resource with NEPI's older names beside Headrace's."""

    _rtype: ClassVar[str] = "Resource"
    _reschedule_delay: ClassVar[str] = "0.5s"

    # --- state --------------------------------------------------------------------------------------------------------

    @property
    def state(self) -> Any:  # noqa: ANN401 - a ResourceState, or what equals two of them
        """Where it is. What has ended by itself is both STOPPED and FINISHED."""
        return as_seen(super().state)

    @property
    def _state(self) -> Any:  # noqa: ANN401 - as above
        return self.state

    @_state.setter
    def _state(self, state: ResourceState) -> None:
        # The oldest programs move a resource by setting this.
        if state is ResourceState.FAILED:
            self.set_failed()
        else:
            self._stage.move(self._unit, state)

    @property
    def reschedule_delay(self) -> str:
        """How long to wait before looking again, for who reschedules itself."""
        return self._reschedule_delay

    @property
    def discover_time(self) -> datetime | None:
        """When it was DISCOVERED, in local time."""
        return self._time(ResourceState.DISCOVERED)

    @property
    def reserved_time(self) -> datetime | None:
        """When it was RESERVED."""
        return self._time(ResourceState.RESERVED)

    @property
    def provision_time(self) -> datetime | None:
        """When it was PROVISIONED."""
        return self._time(ResourceState.PROVISIONED)

    @property
    def ready_time(self) -> datetime | None:
        """When it was READY."""
        return self._time(ResourceState.READY)

    @property
    def start_time(self) -> datetime | None:
        """When it was last STARTED."""
        return self._time(ResourceState.STARTED)

    @property
    def stop_time(self) -> datetime | None:
        """When it last ended."""
        return self._time(ResourceState.STOPPED) or self._time(ResourceState.FINISHED)

    @property
    def finish_time(self) -> datetime | None:
        """When it last ended, by the older name."""
        return self.stop_time

    @property
    def failed_time(self) -> datetime | None:
        """When it FAILED."""
        return self._time(ResourceState.FAILED)

    @property
    def release_time(self) -> datetime | None:
        """When it was RELEASED."""
        return self._time(ResourceState.RELEASED)

    def _time(self, state: ResourceState) -> datetime | None:
        # NEPI's times are naive, and programs subtract them from one another.
        when = self.times.get(state)
        return None if when is None else when.replace(tzinfo=None)

    # --- conditions ---------------------------------------------------------------------------------------------------

    @property
    def conditions(self) -> dict[ResourceAction, list[tuple[tuple[int, ...], ResourceState | None, Any]]]:
        """Its conditions by action: the group, the state, and the delay in seconds, None if there is none."""
        found: dict[ResourceAction, list[tuple[tuple[int, ...], ResourceState | None, Any]]] = {}
        for each in self.ec.conditions(self.guid):
            found.setdefault(each.action, []).append((each.group, each.state, each.delay or None))
        return found

    def register_condition(
        self, action: ResourceAction, group: int | list[int], state: ResourceState, time: str | None = None
    ) -> None:
        """Have an action of it wait. As the controller's method of this name."""
        self.ec.register_condition(self.guid, action, group, state, time)

    def unregister_condition(self, group: int | list[int], action: ResourceAction | None = None) -> None:
        """Have its actions not wait for a group any more."""
        self.ec.unregister_condition(self.guid, group, action)

    def deploy_with_conditions(self) -> None:
        """Have it deployed once its conditions are met."""
        self.ec.deploy([self.guid], wait_all_ready=False)

    def start_with_conditions(self) -> None:
        """Have it started once it is READY and its conditions are met."""
        self.ec.start_with_conditions(self.guid)

    def stop_with_conditions(self) -> None:
        """Have it stopped once it is STARTED and its conditions are met."""
        self.ec.stop_with_conditions(self.guid)

    def set_with_conditions(
        self,
        name: str,
        value: Any,  # noqa: ANN401 - it is checked
        group: int | list[int],
        state: ResourceState,
        time: str | None = None,
    ) -> None:
        """Have an attribute set once it is STARTED and a condition is met."""
        self.ec.set_with_conditions(name, value, self.guid, group, state, time)

    # --- connections --------------------------------------------------------------------------------------------------

    def register_connection(self, guid: int) -> None:
        """Connect it to a resource."""
        self.ec.register_connection(self.guid, guid)

    def connect(self, guid: int) -> None:
        """Connect it to a resource, by the oldest name."""
        self.register_connection(guid)

    def unregister_connection(self, guid: int) -> None:
        """Take a connection away."""
        self.ec.unregister_connection(self.guid, guid)

    def is_rm_instance(self, rtype: str) -> bool:
        """Tell whether it is of a type, or of one that inherits from it."""
        return any(getattr(cls, "_rtype", None) == rtype for cls in type(self).__mro__)

    # --- attributes ---------------------------------------------------------------------------------------------------

    @classmethod
    def get_attributes(cls) -> list[ours.Attribute]:
        """Return what it declares of its attributes."""
        return list(cls._attributes.values())

    @classmethod
    def get_attribute(cls, name: str) -> ours.Attribute:
        """Return what it declares of an attribute."""
        return cls._attributes[name]

    @classmethod
    def get_traces(cls) -> list[ours.Trace]:
        """Return what it declares of its traces."""
        return list(cls._traces.values())

    def has_attribute(self, name: str) -> bool:
        """Tell whether there is an attribute of this name."""
        return name in self._attributes

    def has_flag(self, name: str, flag: ours.Flags) -> bool:
        """Tell whether an attribute has a flag."""
        return self._declared(name).has_flag(flag)

    def register_trace(self, name: str) -> None:
        """Have a trace recorded, by the oldest name."""
        self.enable_trace(name)

    def log_message(self, msg: str) -> str:
        """Return a message as it stands in the log."""
        return f"{self}: {msg}"
