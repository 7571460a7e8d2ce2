"""Stands for `nepi.execution.runner`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import headrace.experiments.runner as ours

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.experiments import ExperimentController

__all__ = ["ExperimentRunner"]


class ExperimentRunner:
    """Runs an experiment until what it measures has settled."""

    def __init__(self) -> None:
        #: The samples and the interval of the last `run`.
        self.runs: ours.Runs | None = None

    def run(  # noqa: PLR0917 - NEPI's order
        self,
        ec: ExperimentController,
        min_runs: int = 1,
        max_runs: int = -1,
        wait_time: float = 0,
        wait_guids: list[int] | None = None,
        compute_metric_callback: Callable[..., Any] | None = None,
        evaluate_convergence_callback: Callable[..., Any] | None = None,
    ) -> int:
        """Run it, and return how many times it was run. See `headrace.experiments.ExperimentRunner.run`."""
        self.runs = ours.ExperimentRunner().run(
            ec,
            min_runs,
            max_runs,
            wait_time,
            wait_guids,
            compute_metric_callback,
            evaluate_convergence_callback,
            # NEPI's metrics look at what the released resources left behind.
            release_first=True,
        )
        return int(self.runs)
