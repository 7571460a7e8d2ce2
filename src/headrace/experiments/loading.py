"""Putting into a controller what a description says."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeVar

from headrace.core import GateCycle
from headrace.experiments.attribute import Flags, Types
from headrace.experiments.condition import Condition
from headrace.experiments.errors import DescriptionError, ExperimentError, InvalidAttribute, UnknownAttribute
from headrace.experiments.state import ResourceState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from headrace.experiments.attribute import Attribute
    from headrace.experiments.condition import Predicate
    from headrace.experiments.controller import ExperimentController
    from headrace.experiments.description import (
        ConditionDescription,
        ExperimentDescription,
        ResourceDescription,
        SetDescription,
    )
    from headrace.experiments.document import Document, Place

__all__ = ["Loader"]

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Loader:
    """Registers, in a controller that has none so far, the resources of a description and all that is between them.

    Args:
        ec: the controller.
        description: what to put into it.
        document: where it was read from, for messages.
    """

    def __init__(self, ec: ExperimentController, description: ExperimentDescription, document: Document) -> None:
        self._ec = ec
        self._description = description
        self._document = document
        listed = document.content.get("resources") if isinstance(document.content, dict) else None
        keys = listed if isinstance(listed, dict) else range(len(description.resources))
        self._resources: list[tuple[Place, ResourceDescription]] = [
            (("resources", key), one) for key, one in zip(keys, description.resources, strict=True)
        ]

    def load(self) -> None:
        """Do all of it.

        Raises:
            DescriptionError: there is something that cannot be; the message says where. Part of it has been done.
        """
        self.load_resources()
        self.load_waits()

    def load_resources(self) -> None:
        """Register the resources, and connect them."""
        for place, one in self._resources:
            self._register(place, one)
        for pair in self._description.connections:
            self._tried(("connections",), self._ec.register_connection, *pair)
        for each in self._description.globals:
            place = ("globals", each.rtype, each.attribute)
            self._tried(place, self._ec.set_global, each.rtype, each.attribute, each.value)
        runs = self._description.runs
        if runs is not None and runs.metric is not None:
            self._tried(("runs", "metric", "trace"), self._ec.enable_trace, runs.metric.guid, runs.metric.trace)

    def load_waits(self, without: Collection[tuple[int, int]] = ()) -> None:
        """Register the conditions, and what is to be set; of the latter those not in `without`, by guid and number."""
        for place, one in self._resources:
            for number, each in enumerate(one.conditions):
                at = (*place, "conditions", number)
                self._tried(at, self._condition, at, one.guid, each)
            for number, later in enumerate(one.sets):
                at = (*place, "sets", number)
                over = self._ec.state(one.guid) >= ResourceState.FAILED
                self._tried(at, self._set, at, one.guid, later, over or (one.guid, number) in without)

    def _register(self, place: Place, one: ResourceDescription) -> None:
        cls = self._tried((*place, "type"), self._ec.factory.get_resource_type, one.rtype)
        declared = cls._attributes
        for name, value in one.attributes.items():
            self._tried((*place, "attributes", name), _check, declared, name, value, one)
        for number, name in enumerate(one.credentials):
            attribute = self._tried((*place, "credentials", number), _attribute, declared, name, one)
            if Flags.Credential not in attribute.flags:
                self._document.refuse((*place, "credentials", number), f"{name} of {one.rtype} is no credential")
        self._tried((*place, "attributes"), self._ec.register_resource, one.rtype, one.guid, **one.attributes)
        manager = self._ec.get_resource(one.guid)
        manager._label = one.name  # noqa: SLF001 - a part of it
        for number, name in enumerate(one.traces):
            self._tried((*place, "traces", number), manager.enable_trace, name)
        missing = [name for name in one.credentials if name not in one.attributes]
        manager._missing.update(missing)  # noqa: SLF001 - a part of it
        for name in missing:
            logger.warning(
                "%s: the %s of resource %s is a secret, and not in the file: set it before you deploy it, by "
                "ec.set(%d, %r, …)",
                self._document.name,
                name,
                one,
                one.guid,
                name,
            )

    def _condition(self, place: Place, guid: int, one: ConditionDescription) -> None:
        self._ec.register_condition(
            guid,
            one.action,
            list(one.group),
            one.state,
            one.delay,
            need=one.need,
            when=self._predicate(place, one),
        )

    def _set(self, place: Place, guid: int, one: SetDescription, done: bool) -> None:  # noqa: FBT001 - handed on
        what, manager = one.condition, self._ec.get_resource(guid)
        when = self._predicate(place, what)
        condition = Condition(
            action=what.action, group=what.group, state=what.state, delay=what.delay, need=what.need, when=when
        )
        if not done:
            manager.check_later(one.attribute, one.value)
        self._ec._set_later(manager, one.attribute, one.value, condition, done=done)  # noqa: SLF001 - a part of it

    def _predicate(self, place: Place, one: ConditionDescription) -> Predicate | None:
        if one.predicate is None:
            return one.compare
        try:
            return self._ec.predicates[one.predicate]
        except KeyError:
            known = ", ".join(self._ec.predicates) or "none"
            self._document.refuse(
                (*place, "predicate"),
                f"nobody says what the predicate {one.predicate!r} is: load it with predicates={{{one.predicate!r}: "
                f"function}}; what was given: {known}",
            )

    def _tried(self, place: Place, do: Callable[..., T], *args: Any, **kwargs: Any) -> T:  # noqa: ANN401 - handed on
        try:
            return do(*args, **kwargs)
        except DescriptionError:
            raise
        except (ExperimentError, GateCycle) as error:
            self._document.refuse(place, str(error), error)


def _attribute(declared: dict[str, Attribute], name: str, one: ResourceDescription) -> Attribute:
    try:
        return declared[name]
    except KeyError:
        raise UnknownAttribute(name, sorted(declared), str(one)) from None


def _check(declared: dict[str, Attribute], name: str, value: object, one: ResourceDescription) -> None:
    attribute = _attribute(declared, name, one)
    try:
        attribute.check(value)
    except InvalidAttribute as error:
        if attribute.type is not Types.String or value is None or isinstance(value, str):
            raise
        raise InvalidAttribute(f"{error}; put it in quotes") from error
