"""Applications on hosts over SSH, in experiments."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.helpers import alive, until
from tests.real.experiments.hosts.servers import Namespace, Sshd

from headrace.experiments import ExperimentController, ResourceAction, ResourceFactory, ResourceState, TraceAttr
from headrace.experiments.linux import Application, Node

if TYPE_CHECKING:
    from collections.abc import Iterator

_R = ResourceState
WAIT = 60.0


@pytest.fixture
def factory() -> ResourceFactory:
    factory = ResourceFactory(plugins=False)
    factory.register_type(Node)
    factory.register_type(Application)
    return factory


@pytest.fixture
def ec(tmp_path: Path, factory: ResourceFactory) -> Iterator[ExperimentController]:
    with ExperimentController("scenario", tmp_path / "root", factory=factory) as controller:
        yield controller


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Sshd]]:
    """Return three servers in network namespaces of their own."""
    servers: list[Sshd] = []
    try:
        for number in range(101, 104):
            namespace = Namespace(number)
            servers.append(Sshd(tmp_path / namespace.name, namespace))
            servers[-1].start()
        yield servers
    finally:
        for server in servers:
            server.kill()
            if server.namespace is not None:
                server.namespace.remove()


@pytest.fixture
def server() -> Iterator[Sshd]:
    folder = Path(tempfile.mkdtemp(prefix="headrace-sshd-"))
    folder.chmod(0o755)
    server = Sshd(folder / "server")
    server.start()
    yield server
    server.kill()
    shutil.rmtree(folder)


def reached(server: Sshd, **others: Any) -> dict[str, Any]:  # noqa: ANN401 - of any type
    """Return the attributes of a node on this server."""
    return {
        "hostname": server.address,
        "port": server.port,
        "username": "root",
        "identity": str(server.key),
        "knownHosts": str(server.known_hosts),
        "home": str(server.folder / "home"),
        **others,
    }


def test_an_application_over_ssh_leaves_its_traces_here(server: Sshd, ec: ExperimentController) -> None:
    node = ec.register_resource("linux::Node", **reached(server))
    app = ec.register_resource(
        "linux::Application",
        command='hello; echo "$A"; printf "%s" "${SSH_CONNECTION:+over ssh}" >&2; cat; mkdir out; echo x >out/file',
        code="#!/bin/sh\necho hello\n",
        build="cp ${APP_HOME}/code hello && chmod +x hello",
        install="mv hello ${BIN}/hello",
        env="A='two words'",
        stdin="input",
        fetch="out",
        connectedTo=node,
    )
    ec.deploy()

    assert ec.wait_finished([app], timeout=WAIT)
    assert ec.trace(app, "stdout") == "hello\ntwo words\ninput"
    assert ec.trace(app, "stdout", TraceAttr.STREAM, 4, 1) == "o\ntw"
    assert ec.trace(app, "stdout", TraceAttr.SIZE) == 21
    directory = ec.get_resource(app).directory
    ec.shutdown()
    assert (directory / "stderr").read_text("ascii") == "over ssh"
    assert (directory / "out/file").read_text("ascii") == "x\n"


def test_all_of_an_experiment_on_a_host_share_one_connection(server: Sshd, ec: ExperimentController) -> None:
    nodes = [ec.register_resource("linux::Node", **reached(server)) for _ in range(2)]
    apps = [
        ec.register_resource("linux::Application", command="sleep 0.2", connectedTo=node)
        for node in nodes
        for _ in range(20)
    ]
    ec.deploy()

    assert ec.wait_finished(apps, timeout=WAIT)
    log = (server.folder / "log").read_text(encoding="utf-8")
    assert log.count("Accepted publickey") == 1
    ec.shutdown()
    assert not server.sessions()


def test_of_three_hosts_one_is_cut_off_one_killed_and_one_slow(servers: list[Sshd], ec: ExperimentController) -> None:
    cut, killed, slow = servers
    assert cut.namespace is not None
    assert slow.namespace is not None
    slow.namespace.slow_down("512kbit")
    nodes = [ec.register_resource("linux::Node", **reached(server)) for server in servers]
    apps = [
        ec.register_resource("linux::Application", command="mkfifo fifo; read x <fifo; echo said $x", connectedTo=node)
        for node in nodes
    ]
    last = ec.register_resource("linux::Application", command="echo last", connectedTo=nodes[2])
    ec.register_condition(last, ResourceAction.START, apps, ResourceState.STOPPED)
    ec.deploy()
    assert ec.wait_started(apps, timeout=WAIT)
    homes = [Path(each.process_directory) for each in map(ec.get_resource, apps) if isinstance(each, Application)]
    for home in homes:
        until((home / "fifo").exists, "it waits")

    cut.namespace.cut()
    killed.kill()
    for home in homes:
        (home / "fifo").write_text("go\n", encoding="ascii")

    # What cannot be reached has neither ended nor failed.
    assert ec.wait_finished([apps[2]], timeout=WAIT)
    assert [ec.get_resource(each).state for each in apps[:2]] == [_R.STARTED, _R.STARTED]
    cut.namespace.mend()
    killed.start()
    assert ec.wait_finished([*apps, last], timeout=WAIT)
    assert [ec.trace(each, "stdout") for each in [*apps, last]] == ["said go\n"] * 3 + ["last\n"]
    ec.shutdown()


def test_after_its_controller_was_killed_a_new_one_finds_an_application_on_its_host(
    tmp_path: Path, factory: ResourceFactory, server: Sshd
) -> None:
    program = f"""
        import os, signal
        from headrace.experiments import ExperimentController, ResourceFactory
        from headrace.experiments.linux import Application, Node

        factory = ResourceFactory(plugins=False)
        factory.register_type(Node)
        factory.register_type(Application)
        ec = ExperimentController("scenario", {str(tmp_path / "root")!r}, run_id="one", factory=factory)
        node = ec.register_resource("linux::Node", **{reached(server)!r})
        command = "mkfifo fifo; read x <fifo; echo $x"
        ec.register_resource("linux::Application", command=command, connectedTo=node)
        ec.deploy()
        ec.wait_started([2])
        os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False, timeout=WAIT)

    with ExperimentController.recover("scenario", "one", tmp_path / "root", factory=factory) as ec:
        assert ec.state(2) is _R.STARTED
        (home,) = (server.folder / "home/exp/scenario").glob("app-2/one")
        until((home / "fifo").exists, "it waits")
        (home / "fifo").write_text("hello\n", encoding="ascii")
        assert ec.wait_finished([2], timeout=WAIT)
        assert ec.trace(2, "stdout") == "hello\n"


@pytest.fixture
def user(server: Sshd) -> Iterator[str]:
    """Return a user who may use sudo, or not: see `allow`."""
    name = "headrace-test"
    subprocess.run(
        ["/usr/sbin/useradd", "--create-home", "--shell", "/bin/bash", "--password", "*", name], check=True, timeout=30
    )
    yield name
    subprocess.run(["/usr/sbin/userdel", "--remove", "--force", name], check=False, timeout=30, capture_output=True)
    Path(f"/etc/sudoers.d/{name}").unlink(missing_ok=True)


def test_root_is_had_by_sudo_or_not_at_all(server: Sshd, user: str, ec: ExperimentController) -> None:
    node = ec.register_resource("linux::Node", **reached(server, username=user, home="experiments"))
    refused = ec.register_resource("linux::Application", command="id -u", sudo=True, critical=False, connectedTo=node)
    plain = ec.register_resource("linux::Application", command="id -un", connectedTo=node)
    ec.deploy()
    ec.wait_finished([refused, plain], timeout=WAIT)

    assert ec.get_resource(refused).state is _R.FAILED
    assert "NOPASSWD" in str(ec.get_resource(refused).cause)
    assert ec.trace(plain, "stdout") == f"{user}\n"

    rule = Path(f"/etc/sudoers.d/{user}")
    rule.write_text(f"{user} ALL=(ALL) NOPASSWD: ALL\n", encoding="ascii")
    rule.chmod(0o440)
    root = ec.register_resource(
        "linux::Application", command="id -u; echo $A; echo $$ >pid; sleep 60", sudo=True, env="A=1", connectedTo=node
    )
    ec.deploy()
    assert ec.wait_started([root], timeout=WAIT)
    until(lambda: [*Path("/home", user).glob("experiments/exp/scenario/*/*/pid")], "it runs")
    (pid,) = Path("/home", user, "experiments/exp/scenario", f"app-{root}").glob("*/pid")
    until(lambda: pid.read_text("ascii").strip(), "it runs")
    ec.stop(root)

    assert ec.get_resource(root).state is _R.STOPPED
    assert not alive(int(pid.read_text("ascii")))
    assert ec.trace(root, "stdout") == "0\n1\n"


def test_packages_are_installed_where_they_are_missing(server: Sshd, ec: ExperimentController) -> None:
    node = ec.register_resource("linux::Node", **reached(server))
    app = ec.register_resource("linux::Application", command="true", depends="coreutils grep", connectedTo=node)
    wrong = ec.register_resource(
        "linux::Application", command="true", depends="no-such-package-hr", critical=False, connectedTo=node
    )
    ec.deploy()
    ec.wait_finished([app, wrong], timeout=240)

    assert ec.get_resource(app).state is _R.FINISHED
    assert "no-such-package-hr" in str(ec.get_resource(wrong).cause)
