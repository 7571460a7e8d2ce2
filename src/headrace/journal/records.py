"""What the journal holds, as values."""

from __future__ import annotations

import getpass
import os
import platform
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EdgeRecord", "Ident", "ResultRecord", "RunRecord", "TransitionRecord", "UnitRecord"]

#: What a unit is called within its kind. Of other types than these, the journal keeps the ``repr``.
Ident = int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run: one life of one process that did work."""

    #: Unique in the world; letters, digits, ``.``, ``_`` and ``-``.
    id: str
    argv: tuple[str, ...] = ()
    cwd: str = ""
    script: str | None = None
    #: What it ran with: names of packages and their versions.
    versions: Mapping[str, str] = field(default_factory=dict)
    #: Whatever else its face wanted kept: what JSON can say.
    extra: Mapping[str, Any] = field(default_factory=dict)
    host: str = ""
    user: str = ""
    pid: int = 0
    #: Wall time in seconds since the epoch.
    began: float = 0.0
    #: Wall time; None while it goes on, and for ever if it was killed.
    ended: float | None = None
    #: In a word how it ended, as told to `Journal.close`.
    how: str | None = None
    #: Its place among the runs of the store, from 1; 0 before it is in one.
    number: int = 0

    @classmethod
    def here(
        cls,
        id: str | None = None,  # noqa: A002 - the field's own word
        *,
        script: str | None = None,
        versions: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> RunRecord:
        """Return the record of a run of this process that begins now."""
        return cls(
            id=id or str(uuid.uuid4()),
            argv=tuple(sys.argv),
            cwd=_cwd(),
            script=script,
            versions={"python": platform.python_version(), **(versions or {})},
            extra=dict(extra or {}),
            host=platform.node(),
            user=_user(),
            pid=os.getpid(),
            began=time.time(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRecord:
    """One unit, and where it is now."""

    #: The id of its run.
    run: str
    #: The name of its lifecycle.
    kind: str
    id: Ident
    name: str = ""
    app: str = ""
    labels: tuple[str, ...] = ()
    #: Where it runs, or ran last.
    executor: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    #: Whatever else its face wanted kept.
    extra: Mapping[str, Any] = field(default_factory=dict)
    #: The name of its state; None if no move of its was recorded.
    state: str | None = None
    attempt: int = 0
    #: Whether its life is over, and whether it is in a state that means failure.
    ended: bool = False
    failed: bool = False
    #: Wall times: when it was added, when it last left its first state, when its life ended.
    added_at: float | None = None
    began_at: float | None = None
    ended_at: float | None = None
    #: How long its last attempt took, by the monotonic clock.
    seconds: float | None = None
    #: The error that its last move was caused by, as text.
    cause: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeRecord:
    """One wait: `action` of a unit waits until another has reached one of `states`, and `delay` seconds more."""

    run: str
    kind: str
    unit: Ident
    action: str
    needs_kind: str
    needs: Ident
    states: tuple[str, ...] = ()
    delay: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionRecord:
    """One move of one unit."""

    run: str
    kind: str
    unit: Ident
    #: Its place in the run's log: of two moves, the later one has the higher.
    seq: int
    attempt: int
    #: The state that was left; None when the unit was added.
    previous: str | None
    state: str
    #: Seconds since the epoch, as the machine believed.
    wall: float
    #: Seconds of the monotonic clock: only differences within one run on one machine mean anything.
    monotonic: float
    executor: str | None = None
    #: The error that caused it, as text.
    cause: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRecord:
    """One stored result, without what was stored."""

    key: str
    #: How the payload is to be read; the journal does not care.
    codec: str
    length: int
    checksum: bytes
    #: The name of its file among the store's results; None when it is in the database.
    place: str | None
    #: The id of the run that stored it last, empty if that was removed; and when (wall time).
    run: str
    stored_at: float


def _cwd() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return ""  # It has been removed.


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())  # In a container, users often have no names.
