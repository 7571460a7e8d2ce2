"""Stands for `parsl.dataflow.memoization`. Results are reused within a run; what would lose results is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headrace.compat.parsl.notices import refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BasicMemoizer", "Memoizer", "check_checkpoints", "id_for_memo"]  # noqa: F822 - the last by __getattr__


class Memoizer:
    """The base class of ways to reuse results. A kernel takes none but `BasicMemoizer`."""


class BasicMemoizer(Memoizer):
    """Parsl's way: equal calls of apps with ``cache=True`` share a result, or a failure, unless `memoize` is False.

    Raises:
        RefusedError: checkpoints are to be written or read.
    """

    def __init__(
        self,
        *,
        checkpoint_files: Sequence[str] | None = None,
        checkpoint_period: str | None = None,
        checkpoint_mode: str | None = None,
        memoize: bool = True,
    ) -> None:
        check_checkpoints("BasicMemoizer", checkpoint_mode, checkpoint_files)
        self.checkpoint_files = checkpoint_files
        self.checkpoint_period = checkpoint_period
        self.checkpoint_mode = checkpoint_mode
        self.memoize = memoize


def check_checkpoints(owner: str, mode: str | None, files: Sequence[str] | None) -> None:
    """Refuse checkpoints: one that is not written loses work, and one that is not read does it again.

    Raises:
        RefusedError: a mode or files are given.
    """
    for name, value in (("checkpoint_mode", mode), ("checkpoint_files", files)):
        if value:
            refuse(
                f"{owner}({name}={value!r})",
                "checkpoints are not there yet; leave it out, and keep what must last in files that your apps write",
            )


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any name's
    if name == "id_for_memo":
        from headrace.dataflow.identity import id_for_memo  # noqa: PLC0415 - it knows many types, which takes long

        return id_for_memo
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
