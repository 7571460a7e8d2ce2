"""Applications on this machine, in experiments."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import textwrap
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.helpers import alive, until

from headrace.experiments import ExperimentController, ResourceAction, ResourceState, TraceAttr
from headrace.experiments.errors import ConnectionRefused, InvalidAttribute, ReadOnlyAttribute
from headrace.experiments.hosts import Launch, LocalHost, Process
from headrace.experiments.linux import Application

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headrace.experiments import ResourceFactory

_R = ResourceState
pytestmark = pytest.mark.slow

WAIT = 30.0


def register(ec: ExperimentController, node: int, command: str | None = None, **attributes: Any) -> int:  # noqa: ANN401 - of any type
    """Register an application whose failure concerns nobody else."""
    given = {"critical": False, **attributes}
    if command is not None:
        given["command"] = command
    return ec.register_resource("linux::Application", connectedTo=node, **given)


def finished(ec: ExperimentController, *guids: int) -> list[ResourceState]:
    """Deploy everything, wait for these, and return their states."""
    ec.deploy()
    ec.wait_finished([*guids], timeout=WAIT)
    return [ec.get_resource(guid).state for guid in guids]


def run_home(ec: ExperimentController, guid: int) -> Path:
    resource = ec.get_resource(guid)
    assert isinstance(resource, Application)
    return Path(resource.process_directory)


def cause(ec: ExperimentController, guid: int) -> str:
    return str(ec.get_resource(guid).cause)


def test_a_command_that_ends_well_is_finished_and_leaves_its_traces(ec: ExperimentController, node: int) -> None:
    app = register(ec, node, "echo hello; echo oops >&2")

    assert finished(ec, app) == [_R.FINISHED]
    traces = [ec.trace(app, name) for name in ("stdout", "stderr", "exitcode")]
    assert traces == ["hello\n", "oops\n", "0\n"]
    assert ec.trace(app, "stdout", TraceAttr.SIZE) == 6
    assert ec.trace(app, "stdout", TraceAttr.STREAM, 3, 1) == "lo\n"
    assert Path(str(ec.trace(app, "stdout", TraceAttr.PATH))).read_text(encoding="ascii") == "hello\n"


def test_a_command_that_ends_otherwise_has_failed_and_its_last_words_are_told(
    ec: ExperimentController, node: int
) -> None:
    app = register(ec, node, "echo this went wrong >&2; exit 3")
    killed = register(ec, node, "kill -9 $$")

    assert finished(ec, app, killed) == [_R.FAILED, _R.FAILED]
    assert "exit code 3" in cause(ec, app)
    assert "this went wrong" in cause(ec, app)
    assert "SIGKILL" in cause(ec, killed)
    assert ec.trace(app, "exitcode") == "3\n"


def test_without_a_command_it_is_finished_at_once(ec: ExperimentController, node: int) -> None:
    app = register(ec, node)

    assert finished(ec, app) == [_R.FINISHED]


def test_what_is_stopped_ends_with_all_that_it_started(ec: ExperimentController, node: int) -> None:
    app = register(ec, node, "setsid sleep 60 & echo $! >>pids; sleep 61 & echo $! >>pids; echo $$ >>pids; wait")
    ec.deploy()
    ec.wait_started([app], timeout=WAIT)
    pids = run_home(ec, app) / "pids"
    until(lambda: pids.exists() and len(pids.read_text("ascii").split()) == 3, "three processes")

    ec.stop(app)

    assert ec.get_resource(app).state is _R.STOPPED
    assert [each for each in pids.read_text("ascii").split() if alive(int(each))] == []
    assert ec.trace(app, "exitcode") == "143\n"


def test_two_that_are_chained_run_one_after_the_other(ec: ExperimentController, node: int) -> None:
    first = register(ec, node, "echo one; sleep 0.2; date +%s%N")
    second = register(ec, node, "date +%s%N")
    ec.register_condition(second, ResourceAction.START, first, ResourceState.STOPPED)

    assert finished(ec, first, second) == [_R.FINISHED, _R.FINISHED]
    assert int(str(ec.trace(first, "stdout")).split()[1]) < int(str(ec.trace(second, "stdout")))


def test_input_variables_and_folders_reach_the_command(ec: ExperimentController, node: int, tmp_path: Path) -> None:
    (tmp_path / "input").write_text("from a file", encoding="ascii")
    env = "A=1 B='two words' C=${RUN_HOME}/x"
    text = register(ec, node, 'cat; printf "|%s" "$A" "$B" "$C" "$PWD" ${APP_HOME} $HOME', stdin="a text", env=env)
    file = register(ec, node, "cat", stdin=str(tmp_path / "input"))

    assert finished(ec, text, file) == [_R.FINISHED, _R.FINISHED]
    home = run_home(ec, text)
    words = ["a text", "1", "two words", f"{home}/x", f"{home}", f"{home.parent}", os.environ["HOME"]]
    assert str(ec.trace(text, "stdout")).split("|") == words
    assert ec.trace(file, "stdout") == "from a file"


def test_error_output_can_go_with_the_output(ec: ExperimentController, node: int) -> None:
    app = register(ec, node, "echo out; echo oops >&2; exit 1", splitStderr=False)

    finished(ec, app)

    assert ec.trace(app, "stdout") == "out\noops\n"
    assert "oops" in cause(ec, app)


def test_a_program_is_built_and_installed_before_it_runs(ec: ExperimentController, node: int) -> None:
    app = register(
        ec,
        node,
        "hello",
        code="#!/bin/sh\necho hello from $0\n",
        build="cp ${APP_HOME}/code hello; chmod +x hello; echo built; pwd",
        install="mv hello ${BIN}/hello",
    )

    assert finished(ec, app) == [_R.FINISHED]
    assert str(ec.trace(app, "stdout")).startswith("hello from ")
    assert ec.trace(app, "build") == f"built\n{run_home(ec, app).parent}/build\n"


def test_what_cannot_be_built_fails_with_what_the_build_said(ec: ExperimentController, node: int) -> None:
    app = register(ec, node, "true", build="echo no compiler >&2; exit 4")

    assert finished(ec, app) == [_R.FAILED]
    assert "build ended with exit code 4" in cause(ec, app)
    assert "no compiler" in cause(ec, app)
    assert ec.trace(app, "build") == "no compiler\n"


@contextmanager
def web(folder: Path) -> Iterator[str]:
    """Serve a folder's files."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_files_from_here_and_from_the_web_are_where_they_belong(
    ec: ExperimentController, node: int, tmp_path: Path
) -> None:
    for name in ("a b.txt", "tool", "lib.so", "data"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {name}\n", encoding="ascii")
    checksum = hashlib.sha256((tmp_path / "data").read_bytes()).hexdigest()
    with web(tmp_path) as address:
        app = register(
            ec,
            node,
            "cat '${SHARE}/a b.txt' ${SRC}/data; tool; ls ${LIB}; echo $LD_LIBRARY_PATH",
            sources=f"{address}/data#sha256={checksum}",
            files=f"'{tmp_path}/a b.txt'",
            bins=f"{tmp_path}/tool",
            libs=str(tmp_path / "lib.so"),
        )
        other = register(ec, node, "true", sources=f"{address}/data#sha256={'0' * 64}")
        missing = register(ec, node, "true", sources=f"{address}/missing")

        assert finished(ec, app, other, missing) == [_R.FINISHED, _R.FAILED, _R.FAILED]
    lines = str(ec.trace(app, "stdout")).splitlines()
    assert lines[:-1] == ["#!/bin/sh", "echo a b.txt", "#!/bin/sh", "echo data", "tool", "lib.so"]
    assert lines[-1].endswith("/usr/lib")
    assert checksum in cause(ec, other)
    assert "missing" in cause(ec, missing)


def test_a_file_that_is_not_here_is_named(ec: ExperimentController, node: int) -> None:
    app = register(ec, node, "true", files="/nowhere/file")

    assert finished(ec, app) == [_R.FAILED]
    assert "/nowhere/file" in cause(ec, app)


def test_what_takes_longer_than_it_may_has_failed(ec: ExperimentController, node: int) -> None:
    app = register(ec, node, "sleep 60", wallTime="100ms")

    assert finished(ec, app) == [_R.FAILED]
    assert "time was up" in cause(ec, app)


def test_it_runs_on_one_host_only(ec: ExperimentController, node: int, home: str) -> None:
    other = ec.register_resource("linux::Node", home=home)
    app = register(ec, node, "true")

    with pytest.raises(ConnectionRefused, match="one host only"):
        ec.register_connection(app, other)
    with pytest.raises(ConnectionRefused, match="one host only"):
        ec.register_connection(other, app)
    with pytest.raises(ConnectionRefused, match="not connected to each other"):
        ec.register_connection(node, other)


def test_without_a_host_it_fails_with_the_remedy(ec: ExperimentController) -> None:
    app = ec.register_resource("linux::Application", command="true", critical=False)

    assert finished(ec, app) == [_R.FAILED]
    assert "linux::Node" in cause(ec, app)


def test_what_it_is_may_not_be_changed_once_it_is_deployed(ec: ExperimentController, node: int) -> None:
    app = register(ec, node, "true")
    finished(ec, app)

    for guid, name, value in ((app, "command", "false"), (app, "env", "A=1"), (node, "hostname", "other")):
        with pytest.raises(ReadOnlyAttribute):
            ec.set(guid, name, value)


def test_what_is_not_supported_is_refused_when_it_is_asked_for(ec: ExperimentController, node: int) -> None:
    with pytest.raises(InvalidAttribute, match="forwardX11"):
        register(ec, node, "true", forwardX11=True)
    assert finished(ec, app := register(ec, node, "true", env="no variable")) == [_R.FAILED]
    assert "attribute env" in cause(ec, app)


def test_it_can_be_started_again(ec: ExperimentController, node: int) -> None:
    app = register(ec, node, "echo run >>log; exit $(($(wc -l <log) - 1))")
    assert finished(ec, app) == [_R.FINISHED]

    ec.start(app)
    until(lambda: ec.get_resource(app).state is _R.FAILED, "the second run ends")

    assert (run_home(ec, app) / "log").read_text("ascii") == "run\nrun\n"
    assert ec.trace(app, "exitcode") == "1\n"


def test_a_release_ends_tears_down_and_fetches(ec: ExperimentController, node: int) -> None:
    app = register(
        ec,
        node,
        "mkdir out; echo one >out/one; echo two >two; setsid sleep 60 & echo $! >pid",
        tearDown="echo torn >>two",
        fetch="out two",
    )
    finished(ec, app)
    pid = int((run_home(ec, app) / "pid").read_text("ascii"))
    directory = ec.get_resource(app).directory
    before = alive(pid)

    ec.shutdown()

    assert (before, alive(pid)) == (True, False)
    assert (directory / "out/one").read_text("ascii") == "one\n"
    assert (directory / "two").read_text("ascii") == "two\ntorn\n"


def test_what_still_runs_is_ended_by_the_release(ec: ExperimentController, node: int) -> None:
    app = register(ec, node, "echo $$ >pid; sleep 60")
    ec.deploy()
    ec.wait_started([app], timeout=WAIT)
    pid = run_home(ec, app) / "pid"
    until(lambda: pid.exists() and pid.read_text("ascii").strip(), "it runs")

    ec.shutdown()

    assert not alive(int(pid.read_text("ascii")))


def test_a_failure_of_one_ends_the_others_and_no_process_is_left(ec: ExperimentController, node: int) -> None:
    running = register(ec, node, "echo $$ >pid; sleep 60")
    register(ec, node, "sleep 0.1; exit 1", critical=True)
    ec.deploy()
    pid = run_home(ec, running) / "pid" if ec.wait_started([running], timeout=WAIT) else Path()

    ec.wait_finished([running], timeout=WAIT)
    until(lambda: ec.get_resource(running).state is _R.STOPPED, "the other is stopped")

    assert not pid.exists() or not pid.read_text("ascii") or not alive(int(pid.read_text("ascii")))


def test_what_earlier_runs_have_left_is_cleaned_if_that_is_asked_for(
    tmp_path: Path, factory: ResourceFactory, home: str
) -> None:
    def run(number: int, command: str, **attributes: Any) -> Path:  # noqa: ANN401 - of any type
        ec = ExperimentController("scenario", tmp_path / "root", run_id=f"run{number}", factory=factory)
        node = ec.register_resource("linux::Node", home=home, **attributes)
        app = register(ec, node, command)
        finished(ec, app)
        place = run_home(ec, app)
        ec.shutdown()
        return place

    first = run(1, "true")
    second = run(2, "true")
    assert first.exists()
    third = run(3, "true", cleanExperiment=True)
    assert [each.exists() for each in (first, second, third)] == [False, False, True]
    (Path(home) / "kept").touch()
    (Path(home) / "usr/share/gone").touch()
    run(4, "true", cleanHome=True)
    assert [(Path(home) / each).exists() for each in ("kept", "usr/share/gone")] == [True, False]


def test_what_earlier_runs_have_left_running_is_ended_if_that_is_asked_for(
    ec: ExperimentController, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    left = Process.planned(f"{home}/exp/scenario/app-2/earlier/.process-1")
    other = Process.planned(f"{home}/exp/another/app-2/earlier/.process-1")

    async def leave() -> list[int]:
        host = LocalHost(str(home))
        await host.connect()
        begun = [await host.launch(each, Launch("sleep 60")) for each in (left, other)]
        await host.close()
        return [each.pid or 0 for each in begun]

    async def end() -> None:
        host = LocalHost(str(home))
        await host.connect()
        await host.stop(other)
        await host.close()

    pids = asyncio.run(leave())
    node = ec.register_resource("linux::Node", home=str(home), cleanProcesses=True)
    ec.deploy()
    ec.wait_deployed([node], timeout=WAIT)

    assert [alive(pid) for pid in pids] == [False, True]
    asyncio.run(end())


def killed_controller(tmp_path: Path, home: str, command: str) -> None:
    """Have a controller start this, and die once it has made a fifo."""
    program = f"""
        import os
        import time
        from pathlib import Path
        from headrace.experiments import ExperimentController, ResourceFactory
        from headrace.experiments.linux import Application, Node

        factory = ResourceFactory(plugins=False)
        factory.register_type(Node)
        factory.register_type(Application)
        ec = ExperimentController("scenario", {str(tmp_path / "root")!r}, run_id="one", factory=factory)
        node = ec.register_resource("linux::Node", home={home!r})
        app = ec.register_resource("linux::Application", command={command!r}, connectedTo=node)
        ec.deploy()
        ec.wait_started([app])
        while not list(Path({home!r}).glob("exp/scenario/*/one/fifo")):
            time.sleep(0.01)
        os._exit(1)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False, timeout=WAIT)


def test_a_new_controller_finds_what_the_dead_one_started(tmp_path: Path, factory: ResourceFactory, home: str) -> None:
    killed_controller(tmp_path, home, "echo $$ >pid; mkfifo fifo; read x <fifo; echo $x")

    with ExperimentController.recover("scenario", "one", tmp_path / "root", factory=factory) as ec:
        (node,) = (each.guid for each in ec.get_resources_by_type("linux::Node"))
        (app,) = (each.guid for each in ec.get_resources_by_type("linux::Application"))
        states = [ec.state(node), ec.state(app)]
        fifo = run_home(ec, app) / "fifo"
        until(fifo.exists, "it waits")
        fifo.write_text("hello\n", encoding="ascii")

        assert states == [_R.STARTED, _R.STARTED]
        assert ec.wait_finished([app], timeout=WAIT)
        assert ec.trace(app, "stdout") == "hello\n"


@pytest.mark.parametrize(("command", "expected"), [("exit 0", _R.FINISHED), ("exit 3", _R.FAILED)])
def test_a_new_controller_learns_how_it_ended_meanwhile(
    tmp_path: Path, factory: ResourceFactory, home: str, command: str, expected: ResourceState
) -> None:
    killed_controller(tmp_path, home, f"mkfifo fifo; read x <fifo; {command}")
    (fifo,) = Path(home).glob("exp/scenario/*/one/fifo")
    fifo.write_text("go\n", encoding="ascii")
    (process,) = fifo.parent.glob(".process-*")
    until((process / "exitcode").exists, "it ends")

    with ExperimentController.recover("scenario", "one", tmp_path / "root", factory=factory) as ec:
        (app,) = ec.get_resources_by_type("linux::Application")
        assert app.state is expected


def test_a_new_controller_ends_what_the_dead_one_started_by_releasing_it(
    tmp_path: Path, factory: ResourceFactory, home: str
) -> None:
    killed_controller(tmp_path, home, "echo $$ >pid; mkfifo fifo; sleep 60")
    (pid,) = Path(home).glob("exp/scenario/*/one/pid")

    ExperimentController.recover("scenario", "one", tmp_path / "root", factory=factory).shutdown()

    assert not alive(int(pid.read_text("ascii")))


def test_what_was_never_started_can_be_started_by_the_new_controller(
    tmp_path: Path, factory: ResourceFactory, home: str
) -> None:
    """The old one died after it had noted what it was about to start, and before that was there."""
    facts = {"process": {"directory": f"{home}/exp/p", "token": "0" * 32, "sudo": False}, "launched": False}
    with ExperimentController("scenario", tmp_path / "root", run_id="one", factory=factory) as ec:
        node = ec.register_resource("linux::Node", home=home)
        app = register(ec, node, "true")
        (ec.get_resource(app).directory / "facts.json").write_text(json.dumps(facts), encoding="ascii")

        recovered = ec.get_resource(app).do_recover()

        assert recovered is _R.READY
