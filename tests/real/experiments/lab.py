"""Networks in namespaces of this machine, and a look at what is left of them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.experiments import ExperimentController, ResourceState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace.experiments import ResourceManager

__all__ = ["Lab", "leftovers", "shell"]


def shell(*words: str) -> str:
    """Run a command of this machine, and return what it wrote."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout


def leftovers(run_dir: Path, base: Path) -> list[str]:
    """Return what is left of a run: its namespaces, its interfaces, and processes that have anything below `base`."""
    facts = [json.loads(path.read_text(encoding="utf-8")) for path in run_dir.glob("*/facts.json")]
    spaces = {one["namespace"] for one in facts if "namespace" in one} - {""}
    devices = {one["device"] for one in facts if one.get("namespace") == "" and "device" in one}
    devices |= {device for one in facts for space, device, _ in one.get("ends", ()) if not space}
    found = sorted(spaces & {path.name for path in Path("/run/netns").iterdir()})
    found += sorted(devices & {path.name for path in Path("/sys/class/net").iterdir()})
    return found + _processes(str(base).encode())


def _processes(mark: bytes) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            said = (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
        except OSError:  # It has ended.
            continue
        if mark in said and b"headrace" in said.lower() and b"pytest" not in said:
            found.append(f"{path.name}: {said[:200]!r}")
    return found


class Lab:
    """An experiment on this machine.

    Args:
        folder: where everything of it is.
        node: attributes of the host, if it is not reached as this machine.
        options: of its controller.
    """

    def __init__(self, folder: Path, node: Mapping[str, Any] | None = None, **options: Any) -> None:  # noqa: ANN401 - of the types declared
        self.base = folder / "headrace-base"
        self.ec = ExperimentController("lab", folder / "runs", **options)
        self.node = self.ec.register_resource("linux::Node", home=str(self.base), **(node or {}))

    def namespace(self, **attributes: Any) -> int:  # noqa: ANN401 - of the types declared
        return self.ec.register_resource("linux::NetNS", connectedTo=self.node, **attributes)

    def interface(self, host: int, ip4: str | None = None, **attributes: Any) -> int:  # noqa: ANN401 - of the types declared
        return self.ec.register_resource("linux::Interface", ip4=ip4, connectedTo=host, **attributes)

    def link(self, one: int, other: int, **attributes: Any) -> int:  # noqa: ANN401 - of the types declared
        return self.ec.register_resource("linux::Link", connectedTo=[one, other], **attributes)

    def pair(self, **attributes: Any) -> tuple[int, int, int]:  # noqa: ANN401 - of the types declared
        """Return two namespaces, 10.0.0.1 and 10.0.0.2, and the link between them."""
        one, other = self.namespace(), self.namespace()
        link = self.link(self.interface(one, "10.0.0.1"), self.interface(other, "10.0.0.2"), **attributes)
        return one, other, link

    def run(self, rtype: str, host: int, **attributes: Any) -> int:  # noqa: ANN401 - of the types declared
        return self.ec.register_resource(rtype, connectedTo=host, **attributes)

    def ping(self, host: int, target: str, **attributes: Any) -> int:  # noqa: ANN401 - of the types declared
        return self.run("linux::Ping", host, **{"target": target, "count": 5, "interval": 0.05, **attributes})

    def everything(self) -> None:
        """Have one of each part of a network, and a ping that goes on."""
        one, other, _ = self.pair(delay=3)
        self.run("linux::Route", other, gateway="10.0.0.1")
        bridge = self.run("linux::Bridge", self.node)
        self.link(self.interface(self.namespace(), "10.1.0.1"), bridge)
        self.ping(one, "10.0.0.2", count=0)

    def deploy(self) -> None:
        """Deploy all that is new, and wait until it is STARTED."""
        new = [guid for guid in self.ec.resources if self.ec.state(guid) is ResourceState.NEW]
        self.ec.deploy(new)
        reached = self.ec.wait_started(new, "30s")
        assert reached, str(reached)

    def finish(self, *guids: int) -> None:
        """Deploy what is new, and wait until these have ended."""
        self.deploy()
        self.wait(*guids)

    def wait(self, *guids: int) -> None:
        ended = self.ec.wait_finished([*guids], "40s")
        assert ended, str(ended)

    def inside(self, host: int, *words: str) -> str:
        """Run a command in a namespace."""
        return shell("ip", "netns", "exec", self.ec.get(host, "name"), *words)

    def resource(self, guid: int) -> ResourceManager:
        return self.ec.get_resource(guid)

    def left(self) -> list[str]:
        return leftovers(self.ec.run_dir, self.base)
