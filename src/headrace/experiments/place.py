"""Where experiments keep what outlives them."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["default_root"]


def default_root() -> Path:
    """Return the folder of the user's experiments: in the state folder of the XDG base directory specification."""
    state = os.environ.get("XDG_STATE_HOME", "")
    # The specification: a relative one is to be ignored.
    base = Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state"  # noqa: PTH117 - of a str
    return base / "headrace" / "experiments"
