"""Making the same experiment again, in memory: with its credentials and predicates, which no file has."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from headrace.experiments.attribute import Flags
from headrace.experiments.failure import FailureLevel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace.experiments.controller import ExperimentController
    from headrace.experiments.failure import FailureManager
    from headrace.experiments.resource import ResourceManager

__all__ = ["deploy_alike", "own_values", "replica"]


def replica(ec: ExperimentController, values: Mapping[tuple[int, str], Any] | None = None) -> ExperimentController:
    """Return a new controller for another run of an experiment, with the same resources under the same guids, all NEW.

    What has been done to those of `ec`, and what is scheduled there, is not copied.

    Args:
        ec: the experiment; it may have been shut down.
        values: what attributes are to have instead, by guid and name.

    Raises:
        InvalidAttribute, UnknownAttribute, UnknownResource: of `values`; there is no new controller then.
    """
    instead: dict[int, dict[str, Any]] = {}
    for (guid, name), value in (values or {}).items():
        instead.setdefault(ec.get_resource(guid).guid, {})[name] = value
    new = type(ec)(
        ec.exp_id,
        ec.root_dir,
        fm=_unused(ec._fm),  # noqa: SLF001 - a part of it
        factory=ec.factory,
        stop_on_abort=ec._deployment._stop_on_abort,  # noqa: SLF001 - a part of it
        clock=ec._stage.clock,  # noqa: SLF001 - a part of it
        predicates=ec.predicates,
        journal=ec._journal,  # noqa: SLF001 - a part of it
    )
    try:
        _fill(new, ec, instead)
    except BaseException:
        new.shutdown()
        raise
    return new


def own_values(manager: ResourceManager) -> dict[str, Any]:
    """Return the attributes of a resource that its user has set, by name."""
    declared = manager._attributes  # noqa: SLF001 - a part of it
    return {
        name: value
        for name, value in manager._values.items()  # noqa: SLF001 - a part of it
        # The others the resource sets itself.
        if Flags.Construct in declared[name].flags or not declared[name].flags & (Flags.NoWrite | Flags.Reserved)
    }


def deploy_alike(new: ExperimentController, ec: ExperimentController) -> list[int]:
    """Deploy in a new controller what is deployed in another one, or by its description, in the same groups.

    Where neither says anything, it is all at once. Returns the guids of what is being deployed.
    """
    asked = tuple(ec._deploys) or ec._given.deploy  # noqa: SLF001 - a part of it
    if not asked:
        new.deploy()
        return new.resources
    there = set(new.resources)
    for each in asked:
        new.deploy([guid for guid in each.guids if guid in there], each.wait_all_ready, each.group)
    return [guid for each in asked for guid in each.guids if guid in there]


def _unused(fm: FailureManager) -> FailureManager:
    """Return a failure manager that decides as another, and has seen nothing."""
    new = copy.copy(fm)
    new._ec, new._level, new._abort = None, FailureLevel.OK, False  # noqa: SLF001 - a part of it
    return new


def _fill(new: ExperimentController, ec: ExperimentController, instead: Mapping[int, Mapping[str, Any]]) -> None:
    managers = [ec.get_resource(guid) for guid in ec.resources]
    new._globals.update(ec._globals)  # noqa: SLF001 - a part of it
    new._given = ec._given  # noqa: SLF001 - a part of it
    for manager in managers:
        values = {**own_values(manager), **instead.get(manager.guid, {})}
        new.register_resource(manager.rtype, manager.guid, **values)
        new.get_resource(manager.guid)._label = manager.label  # noqa: SLF001 - a part of it
        for trace in manager.enabled_traces():
            new.enable_trace(manager.guid, trace)
    for manager in managers:
        for other in manager.connections:
            new.register_connection(manager.guid, other)
    for manager in managers:
        for each in ec.conditions(manager.guid):
            new.register_condition(
                manager.guid, each.action, each.group, each.state, each.delay, need=each.need, when=each.when
            )
        for name, value, each in tuple(manager._sets):  # noqa: SLF001 - a part of it
            new.set_with_conditions(
                name, value, manager.guid, each.group, each.state, each.delay, need=each.need, when=each.when
            )
