"""What holds for every test.

- `unit`: one module at a time, in memory, no process and no network; the whole folder takes seconds.
- `integration`: several floors together, with processes and files of this machine; needs nothing but Python.
- `acceptance`: what a user does, as a user does it: the commands, the examples, the documentation.
- `real`: against real servers that `make real` installs.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from pathlib import Path

# A machine under load is slow at times, which is no fault of the example at hand: no deadline. On a server the same
# examples are drawn each time, so that a change fails for what it changed. `make real` draws more.
_EXAMPLES = 300 if os.environ.get("HEADRACE_THOROUGH") else 25
settings.register_profile("here", deadline=None, max_examples=_EXAMPLES)
settings.register_profile("ci", deadline=None, max_examples=_EXAMPLES, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run directories and other files land in a folder of the test's own, never in the clone."""
    monkeypatch.chdir(tmp_path)
