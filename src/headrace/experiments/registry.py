"""The resources of an experiment."""

from __future__ import annotations

import itertools
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from headrace.core import Move
from headrace.experiments.attribute import Flags, is_written
from headrace.experiments.errors import (
    ConnectionRefused,
    DuplicateResource,
    ExperimentClosed,
    ExperimentError,
    InvalidAction,
    InvalidAttribute,
    UnknownAttribute,
    UnknownResource,
)
from headrace.experiments.named import member
from headrace.experiments.state import ECState, ResourceState
from headrace.experiments.trace import TraceAttr

if TYPE_CHECKING:
    from datetime import datetime

    from headrace.experiments.attribute import Attribute
    from headrace.experiments.controller import ExperimentController
    from headrace.experiments.deployment import Deployment
    from headrace.experiments.factory import ResourceFactory
    from headrace.experiments.resource import ResourceManager
    from headrace.experiments.stage import Stage
    from headrace.experiments.units import ResourceUnit

__all__ = ["Guids", "Registry"]

#: One resource or several, by guid.
Guids = int | list[int] | tuple[int, ...] | set[int] | frozenset[int]

_R = ResourceState


class Registry:
    """What an experiment consists of: resources by guid, their attributes, connections and traces.

    Args:
        name: of the experiment, in messages.
        factory: where resource types are looked up.
    """

    _stage: Stage
    _deployment: Deployment

    def __init__(self, name: str, factory: ResourceFactory) -> None:
        self._exp_id = name
        self._factory = factory
        self._closed = False
        self._guids = itertools.count(1)
        self._lock = threading.RLock()
        #: Held while authors' own methods are called: nothing else waits for it.
        self._connecting = threading.RLock()
        self._resources: dict[int, ResourceManager] = {}
        self._units: dict[int, ResourceUnit] = {}
        self._globals: dict[tuple[str, str], Any] = {}

    @property
    def factory(self) -> ResourceFactory:
        """Where its resource types are looked up."""
        return self._factory

    # --- resources ----------------------------------------------------------------------------------------------------

    def register_resource(
        self,
        rtype: str,
        guid: int | None = None,
        *,
        connectedTo: Guids | ResourceManager | None = None,  # noqa: N803 - NEPI's name
        autoDeploy: bool = False,  # noqa: N803 - NEPI's name
        **attributes: Any,  # noqa: ANN401 - of the types declared
    ) -> int:
        """Take in a resource of a type; return its guid.

        Args:
            rtype: the type's name, as ``"linux::Node"``.
            guid: its number; a free one unless given.
            connectedTo: what to connect it to.
            autoDeploy: whether to deploy it at once.
            attributes: by name.

        Raises:
            UnknownType, DuplicateResource, UnknownAttribute, InvalidAttribute, UnknownResource, ConnectionRefused:
                nothing was registered.
            ExperimentClosed: the controller has been shut down.
        """
        self._check_open()
        self._begin_record()
        with self._lock:
            number = self._new_guid(guid)
            manager = self._factory.create(rtype, cast("ExperimentController", self), number)
            manager._construct(attributes)  # noqa: SLF001 - a part of it
            # Taken in before anybody can find it, and deploy it.
            self._stage.call(self._admit, manager._unit)  # noqa: SLF001 - a part of it
            try:
                self._resources[number] = manager
                self._units[number] = manager._unit  # noqa: SLF001 - a part of it
            except BaseException:
                self._withdraw(number)
                raise
        try:
            for other in () if connectedTo is None else self._guids_of(connectedTo):
                self.register_connection(number, other)
            # First: whoever is told of the deployment is to know what is deployed.
            self._touch(number)
            if autoDeploy:
                self._deploy_one(number)
        except BaseException:
            self._withdraw(number)
            raise
        return number

    def get_resource(self, guid: int) -> ResourceManager:
        """Return a resource. Raises UnknownResource."""
        try:
            return self._resources[guid]
        except (KeyError, TypeError):
            raise UnknownResource(guid, self._resources, f"experiment {self._exp_id}") from None

    @property
    def resources(self) -> list[int]:
        """The guids of all resources, in the order in which they were registered."""
        return list(self._resources)

    def get_resources_by_type(self, rtype: str) -> list[ResourceManager]:
        """Return the resources of exactly this type. Raises UnknownType."""
        self._factory.get_resource_type(rtype)
        return [each for each in tuple(self._resources.values()) if each.get_rtype() == rtype]

    def filter_resources(self, rtype: str) -> list[int]:
        """Return the guids of the resources of exactly this type. Raises UnknownType."""
        return [each.guid for each in self.get_resources_by_type(rtype)]

    def remove_resource(self, guid: int) -> None:
        """Forget a resource that nothing exists of: it is NEW or RELEASED.

        Raises:
            UnknownResource: there is none.
            InvalidAction: it has been deployed; release it first.
        """
        manager = self.get_resource(guid)
        if manager.state not in {_R.NEW, _R.RELEASED}:
            raise InvalidAction(manager, "be removed", manager.state, "release it first")
        self._withdraw(guid)

    # --- attributes ---------------------------------------------------------------------------------------------------

    def get_attributes(self, guid: int) -> dict[str, str]:
        """Return the attributes of a resource, by name: what each is for."""
        return {name: attribute.help for name, attribute in self.get_resource(guid)._attributes.items()}  # noqa: SLF001 - a part of it

    def get(self, guid: int, name: str) -> Any:  # noqa: ANN401 - of the declared type
        """Return the value of an attribute. Raises UnknownResource, UnknownAttribute, WriteOnlyAttribute."""
        return self.get_resource(guid).get_readable(name)

    def set(self, guid: int, name: str, value: Any) -> None:  # noqa: ANN401 - it is checked
        """Set an attribute. Raises UnknownResource, UnknownAttribute, InvalidAttribute, ReadOnlyAttribute."""
        self.get_resource(guid).set(name, value)

    def get_global(self, rtype: str, name: str) -> Any:  # noqa: ANN401 - of the declared type
        """Return the value that an attribute has for every resource of a type that was not given its own."""
        attribute = self._declared(rtype, name)
        value = self.get_global_value(rtype, name)
        return attribute.default if value is None else value

    def set_global(self, rtype: str, name: str, value: Any) -> None:  # noqa: ANN401 - it is checked
        """Set an attribute for every resource of a type that was not given its own value.

        Raises:
            UnknownType, UnknownAttribute: it changes nothing.
            InvalidAttribute: nor if the value is not allowed, or the attribute is not declared Global.
        """
        attribute = self._declared(rtype, name)
        if not attribute.has_flag(Flags.Global):
            raise InvalidAttribute(f"{name} of {rtype} cannot be set for all: it is not declared with Flags.Global")
        self._globals[rtype, name] = attribute.check(value)
        for manager in self.get_resources_by_type(rtype):
            self._value_changed(manager, name)
        self._touch()

    def get_global_value(self, rtype: str, name: str) -> Any:  # noqa: ANN401 - of the declared type
        """Return what `set_global` was given; None if it was not called."""
        return self._globals.get((rtype, name))

    # --- connections --------------------------------------------------------------------------------------------------

    def register_connection(self, guid1: int, guid2: int) -> None:
        """Connect two resources; nothing if they are.

        Raises:
            UnknownResource: there is no such resource.
            ConnectionRefused: one of them does not take the other, or they are one; neither has the other then.
        """
        one, other = self.get_resource(guid1), self.get_resource(guid2)
        if one is other:
            raise ConnectionRefused(one, other, "a resource is not connected to itself")
        finish = self._stage.finish
        with self._connecting:
            if other.guid in one._connections:  # noqa: SLF001 - a part of it
                return
            told: list[tuple[ResourceManager, ResourceManager]] = []
            try:
                self._check_connection(one, other)
                self._check_connection(other, one)
                for each, new in ((one, other), (other, one)):
                    each._connections[new.guid] = None  # noqa: SLF001 - a part of it
                for each, new in ((one, other), (other, one)):
                    finish(each.do_connect(new.guid))
                    told.append((each, new))
                self._note_connection(guid1, guid2, there=True)
            except BaseException as error:
                self._disconnect(one, other, told)
                if isinstance(error, Exception) and not isinstance(error, ConnectionRefused):
                    raise ConnectionRefused(one, other, f"{type(error).__name__}: {error}") from error
                raise

    def _check_connection(self, asked: ResourceManager, about: ResourceManager) -> None:
        valid = self._stage.finish(asked.valid_connection(about.guid))
        if isinstance(valid, str) or not valid:
            raise ConnectionRefused(asked, about, valid or f"{asked} does not take it")

    def unregister_connection(self, guid1: int, guid2: int) -> None:
        """Take a connection away; nothing if there is none. Raises UnknownResource."""
        one, other = self.get_resource(guid1), self.get_resource(guid2)
        with self._connecting:
            if other.guid in one._connections:  # noqa: SLF001 - a part of it
                self._disconnect(one, other, [(one, other), (other, one)])
                self._note_connection(guid1, guid2, there=False)

    def _disconnect(
        self, one: ResourceManager, other: ResourceManager, told: list[tuple[ResourceManager, ResourceManager]]
    ) -> None:
        """Take a connection out at both ends, and tell those who were told of it; what they raise keeps nothing up."""
        one._connections.pop(other.guid, None)  # noqa: SLF001 - a part of it
        other._connections.pop(one.guid, None)  # noqa: SLF001 - a part of it
        for each, gone in told:
            try:
                self._stage.finish(each.do_disconnect(gone.guid))
            except Exception as error:  # noqa: BLE001 - it is disconnected, whatever it says
                each.error(f"do_disconnect from {gone} raised {error!r}")

    # --- states -------------------------------------------------------------------------------------------------------

    def state(self, guid: int, hr: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - a ResourceState, or its name
        """Return where a resource is: a `ResourceState`, or, with `hr`, its name. Raises UnknownResource."""
        state = self.get_resource(guid).state
        return str(state) if hr else state

    def get_time(self, guid: int, state: ResourceState | str) -> datetime | None:
        """Return when a resource last came to a state, in local time; None if it has not."""
        return self.get_resource(guid).times.get(member(ResourceState, state))

    # --- traces -------------------------------------------------------------------------------------------------------

    def enable_trace(self, guid: int, name: str) -> None:
        """Have a trace recorded: to be called before the resource is deployed. Raises UnknownTrace."""
        self.get_resource(guid).enable_trace(name)

    def register_trace(self, guid: int, name: str) -> None:
        """Do the same as `enable_trace`, by its older name."""
        self.enable_trace(guid, name)

    def trace_enabled(self, guid: int, name: str) -> bool:
        """Tell whether a trace is recorded. Raises UnknownTrace."""
        return self.get_resource(guid).trace_enabled(name)

    def get_traces(self, guid: int) -> list[str]:
        """Return the names of the traces that a resource can record."""
        return sorted(self.get_resource(guid)._traces)  # noqa: SLF001 - a part of it

    def trace(
        self, guid: int, name: str, attribute: TraceAttr = TraceAttr.ALL, block: int = 512, offset: int = 0
    ) -> Any:  # noqa: ANN401 - text, a path or a number, as asked
        """Return what a resource recorded.

        Args:
            guid: whose trace it is.
            name: the trace's.
            attribute: ALL: the whole text. STREAM: the block number `offset` of it. PATH: where it is. SIZE: its bytes.
            block: how many bytes a block has.
            offset: which block, from 0.

        Raises:
            UnknownResource, UnknownTrace: there is none.
            TraceError: it is not enabled, nothing has been recorded, or it cannot be read.
        """
        return self.get_resource(guid).read(name, attribute, block, offset)

    # --- what its parts use -------------------------------------------------------------------------------------------

    def _admit(self, unit: ResourceUnit) -> None:
        self._move_experiment(ECState.RELEASED, ECState.RUNNING)
        self._stage.add(unit)

    def _move_experiment(self, before: ECState, after: ECState) -> None:
        experiment = self._stage.experiment
        if experiment.state is before:
            self._stage.tell(Move(experiment, experiment.attempt, after, self._stage.now()))

    def _value_changed(self, manager: ResourceManager, name: str) -> None:
        unit = manager._unit  # noqa: SLF001 - a part of it
        if name == "critical" and unit.since is not None:
            self._stage.call(self._deployment.critical_changed, unit)
        if unit.watchers:
            self._stage.call(self._stage.changed, unit)
        if is_written(manager._attributes[name]):  # noqa: SLF001 - a part of it
            self._touch(manager.guid)

    def _begin_record(self) -> None:
        """See to it that what happens is written down."""

    def _touch(self, *parts: int) -> None:
        """Take note that something of the description has changed: resources, by guid; 0 are the connections."""

    def _note_connection(self, guid1: int, guid2: int, *, there: bool) -> None:
        """Take note that two resources are connected, or are not any more."""

    def _deploy_one(self, guid: int) -> None:
        """Deploy a resource by itself."""
        raise NotImplementedError

    def _withdraw(self, guid: int) -> None:
        with self._lock:
            manager = self._resources.pop(guid, None)
            self._units.pop(guid, None)
        if manager is not None:
            for other in manager.connections:
                with suppress(UnknownResource):
                    self.get_resource(other)._connections.pop(guid, None)  # noqa: SLF001 - a part of it
            unit = manager._unit  # noqa: SLF001 - a part of it
            self._stage.call(self._deployment.forget, unit)
            self._touch(0, guid, *self._deployment.waiters_of(guid))

    def _new_guid(self, wanted: int | None) -> int:
        if wanted is None:
            while (guid := next(self._guids)) in self._resources:
                pass
            return guid
        if isinstance(wanted, bool) or not isinstance(wanted, int) or wanted < 1:
            raise ExperimentError(f"a guid is a whole number of at least 1, not {wanted!r}")
        if wanted in self._resources:
            raise DuplicateResource(wanted, self._resources[wanted].rtype)
        return wanted

    def _unit(self, guid: int) -> ResourceUnit:
        return self.get_resource(guid)._unit  # noqa: SLF001 - a part of it

    def _units_of(self, guids: Guids) -> list[ResourceUnit]:
        return [self._unit(guid) for guid in self._guids_of(guids)]

    @staticmethod
    def _guids_of(guids: Any) -> list[Any]:  # noqa: ANN401 - a guid, a resource, or several of these
        many = guids if isinstance(guids, list | tuple | set | frozenset) else [guids]
        return list(dict.fromkeys(getattr(each, "guid", each) for each in many))

    def _declared(self, rtype: str, name: str) -> Attribute:
        attributes = self._factory.get_resource_type(rtype)._attributes  # noqa: SLF001 - a part of it
        try:
            return attributes[name]
        except KeyError:
            raise UnknownAttribute(name, sorted(attributes), rtype) from None

    def _check_open(self) -> None:
        if self._closed:
            raise self._closed_error()

    def _closed_error(self) -> ExperimentClosed:
        return ExperimentClosed(f"experiment {self._exp_id} has been shut down; make another")
