"""Stands for `parsl.providers` and its modules, and for the channels that older programs give them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from headrace.compat.parsl.launchers import SingleNodeLauncher, check_launcher
from headrace.compat.parsl.notices import refuse, refused_class, tell_of_options

if TYPE_CHECKING:
    from headrace.compat.parsl.launchers import Launcher

__all__ = [
    "AWSProvider",
    "AzureProvider",
    "ClusterProvider",
    "CondorProvider",
    "ExecutionProvider",
    "GoogleCloudProvider",
    "GridEngineProvider",
    "KubernetesProvider",
    "LSFProvider",
    "LocalChannel",
    "LocalProvider",
    "OAuthSSHChannel",
    "PBSProProvider",
    "SSHChannel",
    "SSHInteractiveLoginChannel",
    "SlurmProvider",
    "TorqueProvider",
]

_BATCH: Final = (
    "batch systems are not there yet; run the program within one of its jobs with LocalProvider(), or bring Dask's "
    "cluster for it by headrace.ExternalExecutor(label, client.get_executor())"
)
_REMOTE: Final = "programs do not reach out to other machines; run this one there, with LocalProvider()"
_CLOUD: Final = "machines of a cloud are not rented; run the program on one of them with LocalProvider()"

AWSProvider = refused_class("AWSProvider", _CLOUD)
AzureProvider = refused_class("AzureProvider", _CLOUD)
ClusterProvider = refused_class("ClusterProvider", _BATCH)
CondorProvider = refused_class("CondorProvider", _BATCH)
GoogleCloudProvider = refused_class("GoogleCloudProvider", _CLOUD)
GridEngineProvider = refused_class("GridEngineProvider", _BATCH)
KubernetesProvider = refused_class("KubernetesProvider", _BATCH)
OAuthSSHChannel = refused_class("OAuthSSHChannel", _REMOTE)
SSHChannel = refused_class("SSHChannel", _REMOTE)
SSHInteractiveLoginChannel = refused_class("SSHInteractiveLoginChannel", _REMOTE)
LSFProvider = refused_class("LSFProvider", _BATCH)
PBSProProvider = refused_class("PBSProProvider", _BATCH)
SlurmProvider = refused_class("SlurmProvider", _BATCH)
TorqueProvider = refused_class("TorqueProvider", _BATCH)


class ExecutionProvider:
    """The base class of providers. An executor takes none but `LocalProvider`."""


class LocalChannel:
    """This machine, as older Parsl names it."""

    def __init__(self, *_: object, **__: object) -> None: ...


class LocalProvider(ExecutionProvider):
    """This machine. An executor has as many workers as Parsl would come to have with `max_blocks` blocks.

    Args:
        nodes_per_block: how many times the workers of one node there are in a block.
        launcher: `SimpleLauncher` or `SingleNodeLauncher`.
        init_blocks: how many blocks at the start; all are there from the start here.
        min_blocks: without effect.
        max_blocks: how many blocks.
        worker_init: shell commands that prepare a worker's environment: none.
        cmd_timeout: without effect.
        parallelism: 0 to stay at `init_blocks`; else without effect.
        channel: older Parsl's; a `LocalChannel`.
        walltime: older Parsl's. Without effect, and told.
        move_files: older Parsl's. Without effect.

    Raises:
        RefusedError: workers are to be started in another way than as children of this process.
    """

    def __init__(  # noqa: PLR0917 - Parsl's signature
        self,
        nodes_per_block: int = 1,
        launcher: Launcher | None = None,
        init_blocks: int = 1,
        min_blocks: int = 0,
        max_blocks: int = 1,
        worker_init: str = "",
        cmd_timeout: int = 30,
        parallelism: float = 1,
        *,
        channel: object = None,
        walltime: str | None = None,
        move_files: bool | None = None,
    ) -> None:
        self.launcher = SingleNodeLauncher() if launcher is None else launcher
        check_launcher(self.launcher)
        if worker_init.strip():
            refuse(
                f"LocalProvider(worker_init={worker_init!r})",
                "workers are children of this process and have its environment: run those commands before the program",
            )
        if channel is not None and not isinstance(channel, LocalChannel):
            refuse(f"LocalProvider(channel={channel!r})", "run the program on the machine that is to do the work")
        tell_of_options(
            "LocalProvider",
            {"walltime": (walltime, None), "move_files": (move_files, None)},
            "workers end with the program",
        )
        self.nodes_per_block = nodes_per_block
        self.init_blocks = init_blocks
        self.min_blocks = min_blocks
        self.max_blocks = max_blocks
        self.worker_init = worker_init
        self.cmd_timeout = cmd_timeout
        self.parallelism = parallelism
        self.label = "local"

    @property
    def nodes_in_all(self) -> int:
        """How many times the workers of one node an executor comes to have."""
        blocks = self.init_blocks if self.parallelism == 0 else max(self.init_blocks, self.max_blocks)
        return max(1, blocks * self.nodes_per_block)

    def __repr__(self) -> str:
        return f"LocalProvider(nodes_per_block={self.nodes_per_block}, max_blocks={self.max_blocks})"
