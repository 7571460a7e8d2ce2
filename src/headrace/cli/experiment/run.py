"""`headrace experiment run`, `recover` and `release`."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console

from headrace.cli.ending import RAISED, flush
from headrace.cli.experiment.conduct import Conductor
from headrace.cli.experiment.faces import Drawn, InLines, Reporter
from headrace.cli.experiment.moment import Sampler
from headrace.cli.experiment.place import Place
from headrace.cli.history.output import print_json
from headrace.cli.showing import Silent
from headrace.cli.signals import Interrupts

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator
    from typing import TextIO

    from headrace.cli.experiment.faces import Face
    from headrace.cli.experiment.request import How, Request
    from headrace.experiments.factory import ResourceFactory

__all__ = ["run"]

#: Whose errors are shown with the resources themselves.
_SHOWN_ANYWAY: Final = "headrace.experiments.deployment"


def run(request: Request, factory: ResourceFactory | None = None) -> int:
    """Do what is asked for, show how it is going, sum it up on stderr; return the exit code.

    Raises:
        CannotDo, HeadraceError: it cannot be done.
    """
    stderr = sys.stderr
    sampler = Sampler()
    face = _face(request.how, stderr)
    conductor = Conductor(request, sampler, factory)

    def on_first(number: signal.Signals) -> None:
        sampler.notice = (
            f"told to end ({number.name}): nothing more begins, everything is being released. Ctrl-C now ends at once, "
            "and leaves what is not released"
        )

    def before_exit() -> None:
        face.restore_at_once()
        ec = sampler.ec
        if ec is not None:
            text = f"\nheadrace: ended at once; to release what is left: {Place(ec.run_dir).command('release')}\n"
            os.write(stderr.fileno(), text.encode())

    interrupts = Interrupts(on_first, before_exit)
    with interrupts:
        with face, _logged(face), Reporter(sampler, face):
            conductor.conduct()
        interrupted = conductor.interrupted or interrupts.received is not None
        code = conductor.outcome.code(interrupts.received, allow_failures=request.allow_failures)
        with suppress(OSError, ValueError):
            console = Console(file=stderr, highlight=False)
            for line in conductor.outcome.lines(interrupted=interrupted):
                console.print(line, soft_wrap=True)
        if request.as_json:
            print_json(conductor.outcome.values(code, interrupted=interrupted))
        flush(stderr)
        if not flush(sys.stdout) and code == 0:
            code = RAISED
    return code


def _face(how: How, stderr: TextIO) -> Face:
    if how == "quiet":
        return Silent[Any](stderr)
    if how == "live" or (how is None and stderr.isatty() and not Console(file=stderr).is_dumb_terminal):
        return Drawn(stderr)
    return InLines(stderr)


class _Told(logging.Handler):
    """Has a face tell what is logged."""

    def __init__(self, face: Face) -> None:
        super().__init__(logging.WARNING)
        self._face = face

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != _SHOWN_ANYWAY or record.levelno < logging.ERROR:
            with suppress(OSError, ValueError):
                self._face.tell(record.getMessage())


@contextmanager
def _logged(face: Face) -> Iterator[None]:
    logger = logging.getLogger("headrace")
    told = _Told(face)
    logger.addHandler(told)
    try:
        yield
    finally:
        logger.removeHandler(told)
