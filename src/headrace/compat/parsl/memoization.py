"""Stands for `parsl.dataflow.memoization`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headrace.compat.parsl.checkpoints import CheckpointOptions
from headrace.dataflow import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace.compat.parsl.checkpoints import Given, Mode
    from headrace.compat.parsl.kernel import DataFlowKernel

__all__ = ["BasicMemoizer", "Memoizer", "id_for_memo"]  # noqa: F822 - the last by __getattr__


class Memoizer:
    """The base class of ways to reuse results. A kernel takes none but `BasicMemoizer`."""


class BasicMemoizer(Memoizer):
    """Parsl's way: equal calls of apps with ``cache=True`` share a result, or a failure, in this run and later ones.

    Its options may be changed until a kernel uses it.

    Args:
        checkpoint_files: checkpoint directories whose results are used, Headrace's or Parsl's; None: if there is a
            mode, those of all earlier runs in the run directory.
        checkpoint_period: how long between two checkpoints, as ``HH:MM:SS``, in mode ``"periodic"``.
        checkpoint_mode: when results are stored; None: not unless `checkpoint` is called.
        memoize: whether anything of this is done.

    Raises:
        ConfigurationError: an option has a wrong value.
    """

    def __init__(
        self,
        *,
        checkpoint_files: Sequence[Given] | None = None,
        checkpoint_period: str | None = None,
        checkpoint_mode: Mode | None = None,
        memoize: bool = True,
    ) -> None:
        self.checkpoint_files = checkpoint_files
        self.checkpoint_period = checkpoint_period
        self.checkpoint_mode = checkpoint_mode
        self.memoize = memoize
        self._kernel: DataFlowKernel | None = None
        _ = self.options

    @property
    def options(self) -> CheckpointOptions:
        """What it says of checkpoints.

        Raises:
            ConfigurationError: an option has a wrong value.
        """
        return CheckpointOptions(self.checkpoint_mode, self.checkpoint_files, self.checkpoint_period)

    def used_by(self, kernel: DataFlowKernel) -> None:
        """Take note of the kernel whose results it looks after."""
        self._kernel = kernel

    def checkpoint(self) -> None:
        """Have the results of all cached calls that have ended so far on disk.

        Raises:
            ConfigurationError: no kernel uses it.
            CheckpointError: a result does not pickle; the others have been stored.
            JournalUnavailable: the store cannot be written to.
        """
        self._used("checkpoint").checkpoint()

    checkpoint_queue = checkpoint

    def load_checkpoints(self, checkpointDirs: Sequence[Given] | None) -> None:  # noqa: N803 - Parsl's
        """Use the results in these directories too, from now on.

        Raises:
            BadCheckpoint: one of them is no checkpoint, or cannot be read.
            ConfigurationError: it is no list of directories, or no kernel uses this memoizer.
        """
        self._used("load_checkpoints").load_checkpoints(checkpointDirs)

    def _used(self, what: str) -> DataFlowKernel:
        if self._kernel is None:
            raise ConfigurationError(f"{what} needs a kernel: give the memoizer to Config(memoizer=...), and load that")
        return self._kernel


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any name's
    if name == "id_for_memo":
        from headrace.compat.parsl_checkpoints.key import id_for_memo  # noqa: PLC0415 - it knows many types: takes long

        return id_for_memo
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
