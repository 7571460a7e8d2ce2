"""Experiments that are run again and again, until what they measure has settled."""

from __future__ import annotations

import itertools
import logging
import math
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from headrace.core import After, AnyOf, Reached
from headrace.core.condition import Reply
from headrace.experiments import statistics
from headrace.experiments.collector import Collector
from headrace.experiments.errors import ExperimentError
from headrace.experiments.replica import deploy_alike, replica
from headrace.experiments.state import ECState
from headrace.experiments.timespan import seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from headrace.experiments.controller import ExperimentController
    from headrace.experiments.registry import Guids
    from headrace.experiments.statistics import Interval
    from headrace.experiments.timespan import Span

__all__ = ["ExperimentRunner", "FailedRun", "Metric", "Runs", "RunsReason", "Verdict"]

logger = logging.getLogger(__name__)

#: Is given a run's controller and the run's number, from 1; returns what was measured, or None if nothing was.
Metric: TypeAlias = "Callable[[ExperimentController, int], Any]"
#: Is given the last run's controller, its number, and all that was measured so far; says whether that is enough.
Verdict: TypeAlias = "Callable[[ExperimentController, int, list[Any]], object]"


class RunsReason(Enum):
    """Why no further run was made. The value says it in words."""

    CONVERGED = "what was measured has settled"
    ENOUGH = "as many runs were made as were asked for"
    FAILED = "runs failed"


@dataclass(frozen=True, slots=True)
class FailedRun:
    """A run that gave no sample."""

    #: From 1.
    number: int
    run_id: str
    #: Why, in words.
    why: str
    #: What was raised, if something was.
    error: BaseException | None = None
    #: Whether it was the metric that left it out, by being None.
    left_out: bool = False

    def __str__(self) -> str:
        return f"run {self.number} ({self.run_id}): {self.why}"


@dataclass(frozen=True, slots=True)
class Runs:
    """What became of the runs of an experiment; true unless they ended because of failures.

    ``int(runs)`` is how many were made, those that failed among them.
    """

    reason: RunsReason
    count: int
    #: What was measured, a value for each run that gave one, in order.
    samples: tuple[Any, ...] = ()
    failures: tuple[FailedRun, ...] = ()
    #: The mean of the samples with its confidence interval; None if there are none, or if one is no number.
    interval: Interval | None = None
    #: Why it ended, and with what, in a sentence.
    why: str = field(default="", compare=False)

    @property
    def converged(self) -> bool:
        """Whether what was measured has settled."""
        return self.reason is RunsReason.CONVERGED

    def __int__(self) -> int:
        return self.count

    def __bool__(self) -> bool:
        return self.reason is not RunsReason.FAILED

    def __str__(self) -> str:
        return self.why


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What is asked for, checked."""

    min_runs: int
    #: 0: no limit.
    max_runs: int
    wait_time: float
    wait_guids: tuple[int, ...]
    timeout: float | None
    metric: Metric | None
    verdict: Verdict | None
    skip: bool
    max_failures: int
    confidence: float
    relative: float
    values: Mapping[tuple[int, str], Any]
    prepare: Callable[[ExperimentController, int], object] | None
    release_first: bool


class ExperimentRunner:
    """Runs an experiment several times. Each run is an experiment of its own, made from the description of a first one.

    It holds nothing: one may be used for any number of experiments.
    """

    def run(  # noqa: PLR0917 - NEPI's order
        self,
        ec: ExperimentController,
        min_runs: int = 1,
        max_runs: int | None = -1,
        wait_time: Span = 0,
        wait_guids: Guids | None = None,
        compute_metric_callback: Metric | None = None,
        evaluate_convergence_callback: Verdict | None = None,
        *,
        compute_metric: Metric | None = None,
        evaluate_convergence: Verdict | None = None,
        timeout: Span = None,
        on_failure: Literal["stop", "skip"] = "stop",
        max_failures: int = 3,
        confidence: float = 0.95,
        relative: float = 0.05,
        values: Mapping[tuple[int, str], Any] | None = None,
        prepare: Callable[[ExperimentController, int], object] | None = None,
        release_first: bool = False,
    ) -> Runs:
        """Run an experiment until what it measures has settled, and return what was measured.

        Each run has a controller of its own, made like `ec`, with the same name and a new `run_id`; `ec` itself is not
        touched, and deploys nothing. A run deploys what `ec` does (all resources, if it has deployed none), waits for
        those in `wait_guids` to end, and `wait_time` more; then its Collectors collect, the metric is computed, and
        everything is released.

        Args:
            ec: the experiment. What it consists of is copied: resources and their attributes, connections, conditions,
                traces. What its resources have done is not.
            min_runs: how many runs are made at least; failed ones count.
            max_runs: how many at most; -1 or None: no limit.
            wait_time: how long to wait after those in `wait_guids` have ended.
            wait_guids: whose ends are waited for; none given: until all resources have been STARTED.
            compute_metric_callback: the older name of `compute_metric`.
            evaluate_convergence_callback: the older name of `evaluate_convergence`.
            compute_metric: measures a run; see `Metric`.
            evaluate_convergence: tells whether what was measured is enough; see `Verdict`. Unless given: it is when the
                mean is known to within `relative` of itself with this `confidence`. One sample never is enough.
                Without a metric, `max_runs` runs are made, or else `min_runs`.
            timeout: how long each run may take from its deployment until those in `wait_guids` have ended.
            on_failure: what a run means that gives no sample since it was given up, took too long, or could not be
                measured: ``"stop"``: no more are made; ``"skip"``: it is left out, and another one made.
            max_failures: how many runs in a row may give no sample, even so.
            confidence: of the interval.
            relative: how far the true mean may be off, as a part of the mean.
            values: what attributes are to have in these runs, by guid and name, instead of what they have in `ec`.
            prepare: is given each run's controller before it deploys, and the run's number.
            release_first: whether everything is released before the metric is computed, as NEPI has it.

        Raises:
            ExperimentError: an argument makes no sense; nothing was run.
            UnknownResource: a guid is none of the experiment's; nothing was run.
            UnknownAttribute, InvalidAttribute: of `values`; nothing was run.

        What `prepare` or `evaluate_convergence` raises ends it, as does an interrupt; its run is released first.
        """
        plan = _Plan(
            min_runs=_count(min_runs, "min_runs"),
            max_runs=0 if max_runs in {None, -1} else _count(max_runs, "max_runs"),
            wait_time=seconds(wait_time),
            wait_guids=tuple(each.guid for each in _managers(ec, wait_guids)),
            timeout=None if timeout is None else seconds(timeout),
            metric=_one("compute_metric", compute_metric, compute_metric_callback),
            verdict=_one("evaluate_convergence", evaluate_convergence, evaluate_convergence_callback),
            skip=_policy(on_failure) == "skip",
            max_failures=_count(max_failures, "max_failures"),
            confidence=confidence,
            relative=relative,
            values=values or {},
            prepare=prepare,
            release_first=release_first,
        )
        if plan.max_runs and plan.min_runs > plan.max_runs:
            raise ExperimentError(f"min_runs is {min_runs}, and max_runs {max_runs}: there can be no fewer than that")
        # Says what is wrong with them before anything is run.
        statistics.converged([0.0], confidence, relative)
        return _Series(ec, plan).run()


class _Series:
    """The runs of one call."""

    def __init__(self, ec: ExperimentController, plan: _Plan) -> None:
        self._template = ec
        self._plan = plan
        self._count = 0
        self._samples: list[Any] = []
        self._failures: list[FailedRun] = []

    def run(self) -> Runs:
        while True:
            reason = self._one_run()
            if reason is not None:
                return self._result(reason)

    def _one_run(self) -> RunsReason | None:
        """Make a run; return why it is the last one, if it is."""
        plan = self._plan
        self._count += 1
        ec = replica(self._template, self._plan.values)
        try:
            logger.info("%s: run %d is %s", ec.exp_id, self._count, ec.run_id)
            if plan.prepare is not None:
                plan.prepare(ec, self._count)
            failed = self._watched_run(ec)
        finally:
            left = ec.shutdown()
            if not left:
                logger.warning("%s: run %d: not all was released: %s", ec.exp_id, self._count, left)
        if failed is not None and self._is_last(failed):
            return RunsReason.FAILED
        if self._count < plan.min_runs:
            return None
        if self._enough(ec):
            return RunsReason.CONVERGED
        if self._count == plan.max_runs or (not plan.max_runs and plan.metric is None and plan.verdict is None):
            return RunsReason.ENOUGH
        return None

    def _is_last(self, failed: FailedRun) -> bool:
        """Take note of a run that gave no sample; tell whether there will be no other for that reason."""
        self._failures.append(failed)
        if failed.left_out:
            logger.info("%s: %s", self._template.exp_id, failed)
            # Left out on purpose; only where nothing else ends the runs they must not go on for ever.
            return not self._plan.max_runs and self._failed_in_a_row() >= self._plan.max_failures
        logger.error("%s: %s", self._template.exp_id, failed, exc_info=failed.error)
        return not self._plan.skip or self._failed_in_a_row() >= self._plan.max_failures

    def _failed_in_a_row(self) -> int:
        numbers = {each.number for each in self._failures}
        return next(row for row in itertools.count() if self._count - row not in numbers)

    def _watched_run(self, ec: ExperimentController) -> FailedRun | None:
        """Deploy, wait, measure. Return why there is no sample, if there is none and should be."""
        plan = self._plan
        deployed = deploy_alike(ec, self._template)
        if plan.wait_guids:
            waited = ec.wait_finished([*plan.wait_guids], plan.timeout)
        else:
            waited = ec.wait_started(deployed, plan.timeout)
        if not waited:
            return self._failed(ec, str(waited), self._cause(ec))
        if plan.wait_time:
            _sleep(ec, plan.wait_time)
        if plan.release_first:
            ec.release()
        else:
            # What they have collected is there for the metric, and everything else still is as well.
            collectors = [guid for guid in ec.resources if isinstance(ec.get_resource(guid), Collector)]
            if collectors:
                ec.release(collectors)
        if ec.abort:
            return self._failed(ec, "it was given up", self._cause(ec))
        return self._measure(ec)

    def _measure(self, ec: ExperimentController) -> FailedRun | None:
        plan = self._plan
        if plan.metric is None:
            return None
        try:
            sample = plan.metric(ec, self._count)
            if sample is not None and plan.verdict is None:
                # Whoever has no criterion of their own has numbers; says so with the value and the reason.
                statistics.mean_interval([sample], plan.confidence)
        except Exception as error:  # noqa: BLE001 - it is kept, reported, and counted
            return self._failed(ec, f"its metric could not be computed: {type(error).__name__}: {error}", error)
        if sample is None:
            return FailedRun(self._count, ec.run_id, "it was left out: its metric is None", left_out=True)
        self._samples.append(sample)
        return None

    def _failed(self, ec: ExperimentController, why: str, error: BaseException | None) -> FailedRun:
        return FailedRun(self._count, ec.run_id, why, error)

    @staticmethod
    def _cause(ec: ExperimentController) -> BaseException | None:
        causes = (ec.get_resource(guid).cause for guid in ec.resources)
        return next((cause for cause in causes if cause is not None), None)

    def _enough(self, ec: ExperimentController) -> bool:
        plan = self._plan
        if plan.verdict is not None:
            return bool(plan.verdict(ec, self._count, list(self._samples)))
        return bool(self._samples) and statistics.converged(self._samples, plan.confidence, plan.relative)

    def _result(self, reason: RunsReason) -> Runs:
        interval = None
        if self._samples:
            try:
                interval = statistics.mean_interval(self._samples, self._plan.confidence)
            except statistics.InvalidSamples:
                # Only a criterion of the user's own takes samples that are no numbers.
                logger.debug("%s: no interval of %r", self._template.exp_id, self._samples, exc_info=True)
        why = f"{reason.value} after {self._count} run{'' if self._count == 1 else 's'}"
        if interval is not None:
            why += f": {_said(interval)}"
        if self._failures:
            why += f"; {len(self._failures)} gave no sample, the last one {self._failures[-1]}"
        logger.info("%s: %s", self._template.exp_id, why)
        return Runs(reason, self._count, tuple(self._samples), tuple(self._failures), interval, why)


def _said(interval: Interval) -> str:
    if math.isinf(interval.half_width):
        return f"{interval.mean:.6g}, measured once"
    return f"{interval.mean:.6g} ± {interval.half_width:.3g} ({interval.confidence * 100:g} %, {interval.n} samples)"


def _sleep(ec: ExperimentController, span: float) -> None:
    """Let time pass, on the experiment's clock, until it is given up at most."""
    stage = ec._stage  # noqa: SLF001 - a part of it
    over: Reply[None] = Reply()
    condition = AnyOf([After(span), Reached(stage.experiment, {ECState.FAILED, ECState.TERMINATED})])
    once = stage.call(stage.once, "pause", "the time to wait", condition, partial(over.give, None))
    try:
        over.get()
    finally:
        stage.post(stage.forget, once)


def _managers(ec: ExperimentController, guids: Guids | None) -> Sequence[Any]:
    if guids is None:
        return ()
    many = guids if isinstance(guids, list | tuple | set | frozenset) else (guids,)
    return [ec.get_resource(guid) for guid in many]


def _one(name: str, new: Any, old: Any) -> Any:  # noqa: ANN401 - either kind of callback
    if new is not None and old is not None:
        raise ExperimentError(f"{name} and {name}_callback are the same; give one of them")
    given = old if new is None else new
    if given is not None and not callable(given):
        raise ExperimentError(f"{name} is called with each run, and {given!r} cannot be called")
    return given


def _count(number: Any, name: str) -> int:  # noqa: ANN401 - checked here
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ExperimentError(f"{name} is a whole number of at least 1, not {number!r}")
    return number


def _policy(on_failure: str) -> str:
    if on_failure not in {"stop", "skip"}:
        raise ExperimentError(f'on_failure is "stop" or "skip", not {on_failure!r}')
    return on_failure
