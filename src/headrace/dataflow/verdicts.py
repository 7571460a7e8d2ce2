"""What becomes of an attempt that has failed: the user's retry handler has a say in it, so this is done on workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.dataflow.handover import in_terms_of_apps
from headrace.dataflow.resolver import note_unseen_futures

if TYPE_CHECKING:
    import logging

    from headrace.dataflow.flow import Flow
    from headrace.dataflow.retry import RetryPolicy
    from headrace.dataflow.task import Task

__all__ = ["Verdicts"]


class Verdicts:
    """Decides on the failed attempts of one kernel's tasks.

    Args:
        flow: the tasks' life, of which this is a part.
        policy: how often tasks are tried again.
        log: the run's log.
    """

    def __init__(self, flow: Flow, policy: RetryPolicy, log: logging.Logger) -> None:
        self._flow = flow
        self._policy = policy
        self._log = log

    @property
    def may_be_long(self) -> bool:
        """Whether the user's own code takes part."""
        return self._policy.handler is not None

    def on(self, task: Task, attempt: int, error: BaseException) -> None:
        """Have the task tried again, or failed. Never raises."""
        try:
            self._judge(task, attempt, error)
        except BaseException as raised:  # noqa: BLE001 - errors have methods too, and the task must end whatever these raise
            self._flow.post(self._flow.fail, task, attempt, raised)

    def _judge(self, task: Task, attempt: int, error: BaseException) -> None:
        error = in_terms_of_apps(error)
        verdict = self._policy.judge(task, error)
        history = task.fail_history or [""]
        if verdict.again and not self._flow.closed:
            self._log.info("%s failed and is tried again in %.3g s: %s", task, verdict.delay, history[-1])
            self._flow.post(self._flow.retry, task, attempt, verdict.error, verdict.delay)
        else:
            note_unseen_futures(task, error)
            self._log.warning("%s failed at attempt %d: %s", task, task.fail_count, history[-1], exc_info=verdict.error)
            self._flow.post(self._flow.fail, task, attempt, verdict.error)
