"""How this process was launched, which is what says whether two runs are of the same work."""

from __future__ import annotations

import os
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

__all__ = ["RESUME_VARIABLE", "Launch"]

#: How a plain script is asked to resume a run: `headrace retry` sets it, and the first kernel takes it away.
RESUME_VARIABLE = "HEADRACE_RESUME"


@dataclass(frozen=True, slots=True)
class Launch:
    """One start of one program.

    ``Launch.here`` makes one for a program that was started in the ordinary way.
    """

    #: Unique in the world.
    id: str
    #: The program's path; None when it is none, as in a notebook.
    script: str | None
    #: What `Config(resume="auto")` means; ``"last"`` is the last run with the same arguments in the same folder.
    resume: str | None = None

    @classmethod
    def here(cls) -> Launch:
        """Return that of this process. Takes `RESUME_VARIABLE` out of the environment: it is for this process only."""
        script = os.path.abspath(sys.argv[0]) if sys.argv and sys.argv[0] else ""  # noqa: PTH100 - links stay
        return cls(
            id=str(uuid.uuid4()),
            script=script if Path(script).is_file() else None,
            resume=os.environ.pop(RESUME_VARIABLE, None) or None,
        )
