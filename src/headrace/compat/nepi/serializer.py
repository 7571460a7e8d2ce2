"""Stands for `nepi.util.serializer`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.compat.nepi.ec import ExperimentController

if TYPE_CHECKING:
    import headrace.experiments as ours

__all__ = ["ECSerializer", "SFormats"]


class SFormats:
    """How a description is written: as JSON, whichever of these is asked for; NEPI's XML is read."""

    XML = "xml"


class ECSerializer:
    """Saves and loads descriptions."""

    def load(self, filepath: str, format: str = SFormats.XML) -> ExperimentController:  # noqa: A002 - NEPI's
        """Return a controller for what a file describes."""
        return ExperimentController.load(filepath, format)

    def serialize(self, ec: ours.ExperimentController, format: str = SFormats.XML) -> str:  # noqa: A002, ARG002 - NEPI's
        """Return an experiment's description, as text."""
        return ec.serialize()

    def save(self, ec: ExperimentController, dirpath: str | None = None, format: str = SFormats.XML) -> str:  # noqa: A002 - NEPI's
        """Save an experiment's description below a folder; return the file's path."""
        return str(ec.save(dirpath, format))
