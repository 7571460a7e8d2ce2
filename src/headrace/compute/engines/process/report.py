"""What a supervisor says of a command's end, read with suspicion."""

from __future__ import annotations

from typing import Any, Final

from headrace.compute.engines.base import JobState, Status

__all__ = ["status_from"]

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "exit_code": (int, type(None)),
    "signal": (int, type(None)),
    "reason": (str,),
    "errno": (int, type(None)),
    "pid": (int, type(None)),
    "started": (int, float, type(None)),
    "ended": (int, float, type(None)),
}


def status_from(report: object) -> Status:
    """Return the final status that a report states.

    Raises:
        ValueError: it does not make sense as one; the message says what is wrong.
    """
    if not isinstance(report, dict):
        raise ValueError(f"it is no object: {report!r:.100}")  # noqa: TRY004 - text of a file, not an argument
    fields: dict[str, Any] = dict(report)
    name = fields.pop("state", None)
    if not isinstance(name, str) or name not in JobState.__members__:
        raise ValueError(f"no such state: {name!r:.100}")
    for key, value in fields.items():
        if key not in _TYPES or not isinstance(value, _TYPES[key]) or isinstance(value, bool):
            raise ValueError(f"{key} cannot be {value!r:.100}")
    status = Status(state=JobState[name], **fields)
    if not status.final or (status.state is JobState.succeeded) != _went_well(status):
        raise ValueError(f"{name} with exit code {status.exit_code} is no end")
    return status


def _went_well(status: Status) -> bool:
    # Of a command that was cancelled, or took too long, the exit code may be 0 as well.
    asked = status.state in {JobState.cancelled, JobState.timed_out, JobState.over_memory, JobState.lost}
    return status.exit_code == 0 and not asked
