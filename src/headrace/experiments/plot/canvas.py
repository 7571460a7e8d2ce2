"""Making image files, without pyplot: it keeps figures for ever, and belongs to the main thread."""

from __future__ import annotations

import io
import secrets
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from headrace.experiments.errors import ExperimentError, MissingExtra

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "IMAGES",
    "UnknownFormat",
    "checked_suffix",
    "figure_with_axes",
    "printable",
    "save",
    "text_width",
    "write_whole",
]

IMAGES: Final = (".svg", ".png")
_DPI: Final = 110
_PIXELS_AT_MOST: Final = 8000


class UnknownFormat(ExperimentError, ValueError):
    """A file's suffix says no format that is written here."""


def checked_suffix(path: Path, known: Iterable[str]) -> str:
    """Return a file's suffix. Raises UnknownFormat, which names those known."""
    known = tuple(known)
    if path.suffix.lower() not in known:
        raise UnknownFormat(
            f"{path} cannot be written: its name ends in {path.suffix!r}, and should in {', '.join(known)}"
        )
    return path.suffix.lower()


def figure_with_axes(width: float, height: float) -> tuple[Figure, Axes]:
    """Return an empty figure, in inches, and axes in it. Raises MissingExtra."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - optional, and slow to import
    except ImportError as error:
        raise MissingExtra("matplotlib", "plots", "plots") from error
    figure = Figure(figsize=(width, height), facecolor="white")
    return figure, figure.add_subplot()


def printable(text: str) -> str:
    """Return a text with a sign in place of what matplotlib's own font cannot show."""
    font = _font()
    return "".join(one if one == "\n" or font.get_char_index(ord(one)) else "\ufffd" for one in text.expandtabs(4))


def text_width(line: str, size: float) -> float:
    """Return how wide a printable line is, in inches, at a size in points."""
    font = _font()
    font.set_size(size, 72)
    return sum(_advance(font, one) for one in line) / 72


def _advance(font: Any, character: str) -> float:  # noqa: ANN401 - matplotlib does not export its type
    from matplotlib.ft2font import LoadFlags  # noqa: PLC0415 - optional, and slow to import

    width: float = font.load_char(ord(character), flags=LoadFlags.NO_HINTING).linearHoriAdvance / 2**16
    return width


def _font() -> Any:  # noqa: ANN401 - matplotlib does not export its type
    from matplotlib.font_manager import get_font  # noqa: PLC0415 - optional, and slow to import

    # Each thread has its own; this is why the path alone is kept.
    return get_font(_font_path())


@lru_cache(maxsize=1)
def _font_path() -> Any:  # noqa: ANN401 - matplotlib does not export its type
    from matplotlib.font_manager import findfont  # noqa: PLC0415 - optional, and slow to import

    return findfont("DejaVu Sans")


def save(figure: Figure, path: Path) -> Path:
    """Write a figure to a file, whole or not at all, and return its path. The folder is made."""
    import matplotlib as mpl  # noqa: PLC0415 - optional, and slow to import

    buffer, kind = io.BytesIO(), path.suffix.lower().removeprefix(".")
    dpi = min(_DPI, _PIXELS_AT_MOST / max(figure.get_size_inches()))
    # Neither the date nor chance is in the file.
    with mpl.rc_context({"svg.hashsalt": "headrace", "font.family": ["DejaVu Sans"]}):
        figure.savefig(buffer, format=kind, dpi=dpi, metadata={"Date": None} if kind == "svg" else None)
    return write_whole(path, buffer.getvalue())


def write_whole(path: Path, content: bytes) -> Path:
    """Replace a file, whole or not at all, and return its path. The folder is made. The last writer wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not by tempfile: its files are for nobody else to read.
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            file.write(content)
        return part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
