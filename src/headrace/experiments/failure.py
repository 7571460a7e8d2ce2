"""What becomes of an experiment when a resource fails."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headrace.experiments.controller import ExperimentController

__all__ = ["FailureLevel", "FailureManager"]


class FailureLevel(Enum):
    """How badly an experiment went."""

    OK = "no critical resource has failed"
    RM_FAILURE = "a critical resource has failed"
    EC_FAILURE = "the controller itself has failed"


class FailureManager:
    """Decides what a resource's failure means: this one gives the experiment up if the resource is critical.

    To decide otherwise, override `eval_failure` and give an instance to the controller (``fm=``). It is called once for
    each resource that becomes FAILED, on a thread where it may block, and may call `ExperimentController.give_up`.
    """

    def __init__(self) -> None:
        self._ec: ExperimentController | None = None
        self._level = FailureLevel.OK
        self._abort = False

    @property
    def ec(self) -> ExperimentController:
        """The experiment it decides about.

        Raises:
            RuntimeError: it belongs to none yet.
        """
        if self._ec is None:
            raise RuntimeError("this FailureManager belongs to no experiment yet: give it to a controller, as fm=")
        return self._ec

    def attach(self, ec: ExperimentController) -> None:
        """Belong to an experiment: called by its controller."""
        self._ec = ec

    @property
    def failure_level(self) -> FailureLevel:
        """How badly it went so far."""
        return self._level

    @property
    def abort(self) -> bool:
        """Whether the experiment was given up."""
        return self._abort

    def eval_failure(self, guid: int) -> None:
        """Decide about the failure of a resource."""
        ec = self.ec
        if ec.get_resource(guid).get("critical"):
            self.set_rm_failure()
            ec.give_up(guid)

    def set_rm_failure(self) -> None:
        """Note that a critical resource has failed."""
        if self._level is FailureLevel.OK:
            self._level = FailureLevel.RM_FAILURE
        self._abort = True

    def set_ec_failure(self) -> None:
        """Note that the controller has failed."""
        self._level = FailureLevel.EC_FAILURE
        self._abort = True
