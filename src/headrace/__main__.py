"""``python -m headrace`` is the command `headrace`."""

from __future__ import annotations

import sys

from headrace.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
