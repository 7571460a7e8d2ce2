"""Names that stand for folders, in commands and paths: ``${RUN_HOME}``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["filled"]

_NAME = re.compile(r"\$\{([A-Z_]+)\}")


def filled(text: str, folders: Mapping[str, str]) -> str:
    """Return a text with each ``${NAME}`` of a folder replaced by it. Other names are left to the shell."""
    return _NAME.sub(lambda found: folders.get(found[1], found[0]), text)
