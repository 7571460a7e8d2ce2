"""Where applications run, whatever it is: a host, or a part of one."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, ClassVar

from headrace.experiments.errors import ExperimentError
from headrace.experiments.resource import ResourceManager

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headrace.experiments.hosts import Host

__all__ = ["Machine"]


class Machine(ResourceManager):
    """A place with Linux where commands run and files lie. Not to be registered: its subclasses are.

    On the machine everything is below the base folder of its host:

    - ``usr/bin``, ``usr/lib``, ``usr/share``, ``usr/src``: what is put there for all experiments;
    - ``exp/<exp_id>/app-<guid>/<run_id>``: where an application runs.
    """

    _rtype: ClassVar[str] = "linux::Machine"
    _platform: ClassVar[str] = "linux"

    @property
    def host(self) -> Host:
        """The host, connected.

        Raises:
            ExperimentError: it is not connected so far, or not any more.
        """
        raise ExperimentError(f"{self}: it is not connected; deploy it first")

    async def reach(self) -> Host:
        """Return the host, connected now if it is not.

        Raises:
            HostError: it cannot be connected.
        """
        return self.host

    def release_after(self) -> Iterable[ResourceManager]:
        """Return what is on it: that is released first."""
        return [each for each in self.get_connected() if not isinstance(each, Machine)]

    # --- folders, once it is connected --------------------------------------------------------------------------------

    @property
    def base_dir(self) -> str:
        """The folder below which everything is."""
        return self.host.info.base

    @property
    def usr_dir(self) -> str:
        """The folder of what is put there for all experiments."""
        return posixpath.join(self.base_dir, "usr")

    @property
    def exp_dir(self) -> str:
        """The folder of this experiment, in all its runs."""
        return posixpath.join(self.base_dir, "exp", self.ec.exp_id)

    @property
    def node_home(self) -> str:
        """The machine's own folder in this experiment."""
        return posixpath.join(self.exp_dir, f"node-{self.guid}")

    def folders(self) -> dict[str, str]:
        """Return the names that stand for folders in commands and paths, and the folders."""
        usr = self.usr_dir
        return {
            "USR": usr,
            **{name.upper(): posixpath.join(usr, name) for name in ("bin", "lib", "share", "src")},
            "EXP_HOME": self.exp_dir,
            "NODE_HOME": self.node_home,
        }
