"""Applications: commands on hosts, with what they need there."""

from __future__ import annotations

import asyncio
import posixpath
import shlex
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar

from headrace.experiments.attribute import Attribute, Flags, Types
from headrace.experiments.errors import ExperimentError, InvalidAttribute, ResourceLost
from headrace.experiments.hosts.errors import FileNotThere, HostClosed, HostError, HostUnreachable, Unsuitable
from headrace.experiments.hosts.values import Launch, Process, ProcessState, tail
from headrace.experiments.linux import provision
from headrace.experiments.linux.errors import ApplicationFailed, ProvisionFailed
from headrace.experiments.linux.machine import Machine
from headrace.experiments.linux.macros import filled
from headrace.experiments.linux.traces import HostTraces
from headrace.experiments.state import ResourceState
from headrace.experiments.timespan import seconds
from headrace.experiments.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from headrace.experiments.hosts import Completed, Host, ProcessStatus
    from headrace.experiments.resource import ResourceManager

__all__ = ["Application"]

_TAIL = 2000


def _text(name: str, help_text: str) -> Attribute:
    return Attribute(name, help_text, flags=Flags.Design)


def _switch(name: str, help_text: str, *, default: bool = False) -> Attribute:
    return Attribute(name, help_text, type=Types.Bool, flags=Flags.Design, default=default)


def _no_display(_: object, new: bool) -> None:  # noqa: FBT001 - a set_hook
    if new:
        raise InvalidAttribute(
            "attribute forwardX11: windows are not forwarded; give the command a display of its own: xvfb-run PROGRAM"
        )


@dataclass(slots=True)
class _Run:
    """One start of the command."""

    host: Host
    process: Process
    follower: asyncio.Task[None] | None = None
    #: Whether somebody else ends it: what becomes of it is not the follower's to say.
    taken: bool = False


class Application(HostTraces):
    """A command on a host. It is STARTED when it runs, FINISHED when it ends with exit code 0, FAILED with another one.

    It runs on the one `Machine` that it is connected to. It goes on if the connection is lost or this program dies.
    In `command`, `build`, `install`, `tearDown`, `env` and paths these stand for folders there: ``${RUN_HOME}`` (this
    run's, where the command runs), ``${APP_HOME}``, ``${BUILD}``, ``${EXP_HOME}``, ``${NODE_HOME}``, and ``${SRC}``,
    ``${SHARE}``, ``${LIB}``, ``${BIN}``, which all experiments there share. ``${BIN}`` is in the command's PATH.

    Authors of applications subclass it: see `command_line`, `programs`, `settle`, `digest`.
    """

    _rtype: ClassVar[str] = "linux::Application"
    _help: ClassVar[str] = "A command on a host, with what it needs there"
    _platform: ClassVar[str] = "linux"

    attributes: ClassVar[tuple[Attribute, ...]] = (
        _text("command", "What is run, by the host's shell; none: nothing is, and it is FINISHED when it is started"),
        Attribute(
            "forwardX11", "Not supported", type=Types.Bool, flags=Flags.Design, default=False, set_hook=_no_display
        ),
        Attribute("env", 'Variables of the command: NAME=value OTHER="two words"', flags=Flags.Design),
        _switch("sudo", "Run the command, install and tearDown as root, by sudo without a password"),
        _text("stdin", "What the command reads: a file here, or a text"),
        _switch("splitStderr", "Whether stderr goes to a file of its own, or with stdout", default=True),
        _text("wallTime", 'How long it may take, as "90s", before it is ended, which is a failure'),
        Attribute(
            "grace",
            "Seconds between TERM and KILL when it is stopped",
            type=Types.Double,
            flags=Flags.Design,
            default=5.0,
            range=(0, None),
        ),
        _text("depends", "Packages to install, as root, by the host's package manager"),
        _text("sources", "Files here, or addresses, to put into ${SRC}"),
        _text("files", "Likewise, into ${SHARE}"),
        _text("libs", "Likewise, into ${LIB}, which is then in LD_LIBRARY_PATH"),
        _text("bins", "Likewise, into ${BIN}, executable"),
        _text("code", "A text to write into ${APP_HOME}/code"),
        _text("build", "A command that is run in ${BUILD} when it is deployed"),
        _text("install", "Another one, after that"),
        Attribute(
            "buildTimeout",
            "Seconds that depends, each download, build and install may take",
            type=Types.Double,
            flags=Flags.Design,
            default=3600.0,
            range=(1, None),
        ),
        _text("tearDown", "A command that is run in ${RUN_HOME} before it is released"),
        _text("fetch", "Files and folders in ${RUN_HOME} that are copied here before it is released"),
    )
    traces: ClassVar[tuple[Trace, ...]] = (
        Trace("stdout", "What the command wrote", enabled=True),
        Trace("stderr", "What it wrote as errors", enabled=True),
        Trace("exitcode", "Its exit code, once it has ended; 128 + n: signal n ended it", enabled=True),
        Trace("deps", "What installing its packages said", enabled=True),
        Trace("build", "What build said", enabled=True),
        Trace("install", "What install said", enabled=True),
    )

    #: For subclasses: the programs that must be on the host, each with the (Debian) package that has it.
    programs: ClassVar[Mapping[str, str]] = {}
    #: For subclasses: whether it runs as root whatever `sudo` says.
    needs_root: ClassVar[bool] = False
    #: For subclasses: with which exit codes it is FINISHED.
    good_exit_codes: ClassVar[frozenset[int]] = frozenset({0})

    release_patience: ClassVar[float] = 120.0

    _run: _Run | None = None
    #: Whether anything of it may be on the host.
    _provisioned: bool = False

    # --- for subclasses -----------------------------------------------------------------------------------------------

    def command_line(self) -> str | tuple[str, ...]:
        """Return what is run: text for the host's shell, or a program and its arguments; "" for nothing."""
        return self.get("command") or ""

    async def settle(self) -> None:
        """Wait until the command, which has just been launched, does what makes it STARTED."""

    async def digest(self, status: ProcessStatus) -> None:
        """Use what the command has left, once it has ended and before the resource has. An error makes it FAILED."""

    # --- where it is --------------------------------------------------------------------------------------------------

    @property
    def machine(self) -> Machine:
        """What it runs on.

        Raises:
            ExperimentError: it is connected to none.
        """
        machines = self.get_connected(Machine)
        if len(machines) != 1:
            raise ExperimentError(
                f"{self}: it is connected to no host; connect it to a linux::Node before it is deployed"
            )
        found: Machine = machines[0]
        return found

    @property
    def host(self) -> Host:
        """The host that it runs on, connected."""
        return self.machine.host

    @property
    def app_home(self) -> str:
        """Its folder on the host, in this experiment."""
        return posixpath.join(self.machine.exp_dir, f"app-{self.guid}")

    @property
    def process_directory(self) -> str:
        """The folder on the host where the command runs, and writes ``stdout`` and ``stderr``: that of this run."""
        return posixpath.join(self.app_home, self.ec.run_id)

    @property
    def is_root(self) -> bool:
        """Whether it runs as root."""
        return self.needs_root or bool(self.get("sudo"))

    def folders(self) -> dict[str, str]:
        """Return the names that stand for folders, and the folders."""
        home = self.app_home
        run = self.process_directory
        return {**self.machine.folders(), "APP_HOME": home, "RUN_HOME": run, "BUILD": posixpath.join(home, "build")}

    def valid_connection(self, guid: int) -> bool | str:
        """Tell why it cannot be connected to a second host."""
        other = self.ec.get_resource(guid)
        machines = self.get_connected(Machine)
        if isinstance(other, Machine) and machines and other not in machines:
            return f"it runs on {machines[0]}, and on one host only; disconnect that first"
        return True

    # --- deploying ----------------------------------------------------------------------------------------------------

    def deploy_after(self) -> Iterable[ResourceManager]:
        """Return what it runs on."""
        return self.get_connected(Machine)

    async def do_discover(self) -> None:
        """Check what can be checked before anything is done."""
        self._environment()
        self._wall_time()
        host = await self.machine.reach()
        missing = await provision.missing_programs(host, self.programs)
        wanted = {each: package for each, package in missing.items() if package not in self._items("depends")}
        if wanted:
            named = ", ".join(f"{each} (package {package})" for each, package in wanted.items())
            raise Unsuitable(host.name, f"{self}: it lacks {named}; install it, or name the package in depends")

    async def do_provision(self) -> None:
        """Put on the host what is needed there, and build it."""
        host, folders, limit = self.host, self.folders(), self.get("buildTimeout")
        self._provisioned = True
        # Its launch makes the folder that it runs in.
        if any(self.get(name) for name in ("build", "install", "tearDown")):
            await host.make_directory(folders["RUN_HOME"], folders["BUILD"])
        packages = self._items("depends")
        if packages:
            self._log("deps", await provision.install_packages(host, packages, limit))
        for name, folder in (("sources", "SRC"), ("files", "SHARE"), ("libs", "LIB"), ("bins", "BIN")):
            wanted = self._items(name)
            if wanted:
                paths = await provision.deliver(host, wanted, folders[folder], self.directory, limit)
                if name == "bins":
                    (await host.run(["chmod", "a+x", "--", *paths])).check(host.name, "chmod")
        if self.get("code"):
            await host.write_text(posixpath.join(folders["APP_HOME"], "code"), self.get("code"))
        for name in "build", "install":
            await self._make(host, name, folders)

    async def _make(self, host: Host, name: str, folders: Mapping[str, str]) -> None:
        text = self.get(name)
        if not text:
            return
        sudo = name == "install" and self.is_root
        limit = self.get("buildTimeout")
        env = self._environment()
        done = await host.run(filled(text, folders), env=env, cwd=folders["BUILD"], sudo=sudo, timeout=limit)
        self._log(name, done)
        if not done.ok:
            said = tail(done.stderr) or tail(done.stdout)
            raise ProvisionFailed(f"{self}: {name} {done.how} on {host.name}: {said}")

    def _log(self, name: str, done: Completed) -> None:
        (self.directory / name).write_bytes(done.stdout + done.stderr)

    # --- starting -----------------------------------------------------------------------------------------------------

    async def do_start(self) -> None:
        """Launch the command, and follow it to its end."""
        command = self.command_line()
        if not command:
            self.set_started()
            self.set_finished()
            return
        host = await self.machine.reach()
        process = self._planned()
        # Known before it is there: whoever comes after this program finds it, or can tell that it never began.
        await self._remember(process=process.facts(), launched=False, stopped=False)
        self._run = run = _Run(host, process)
        (self.directory / "exitcode").unlink(missing_ok=True)
        await host.launch(process, await self._launch(host, command))
        await self.settle()
        self.set_started()
        self._follow(run)
        # If this program dies before: the host says so too, unless its folder is removed as well.
        await self._remember(launched=True)

    def _planned(self) -> Process:
        planned = Process.planned("/", sudo=self.is_root)
        directory = posixpath.join(self.process_directory, f".process-{planned.token[:8]}")
        return Process(directory, planned.token, planned.sudo)

    async def _launch(self, host: Host, command: str | Sequence[str]) -> Launch:
        folders, home = self.folders(), self.process_directory
        # What the host has in PATH is known there alone.
        lines = [f'PATH="$PATH":{shlex.quote(folders["BIN"])}; export PATH']
        if self.get("libs"):
            lines.append(f'LD_LIBRARY_PATH={shlex.quote(folders["LIB"])}"${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"')
            lines.append("export LD_LIBRARY_PATH")
        if isinstance(command, str):
            lines.append(filled(command, folders))
        else:
            lines.append("exec " + shlex.join(filled(word, folders) for word in command))
        return Launch(
            "\n".join(lines),
            env=self._environment(),
            cwd=home,
            stdin=await self._input(host),
            stdout=posixpath.join(home, "stdout"),
            stderr=posixpath.join(home, "stderr") if self.get("splitStderr") else "&1",
            walltime=self._wall_time(),
            grace=self.get("grace"),
        )

    async def _input(self, host: Host) -> str | None:
        """Put what the command reads on the host, and return where it is."""
        given = self.get("stdin")
        if given is None:
            return None
        path = posixpath.join(self.process_directory, "stdin")
        local = Path(given)
        try:
            is_file = local.is_file()  # noqa: ASYNC240 - one look at a file of this machine
        except (OSError, ValueError):  # A text that no path can be.
            is_file = False
        if is_file:
            await host.put(local, path)
        else:
            await host.write_text(path, given)
        return path

    # --- its end ------------------------------------------------------------------------------------------------------

    def _follow(self, run: _Run) -> None:
        run.follower = asyncio.get_running_loop().create_task(self._follow_to_end(run))

    async def _follow_to_end(self, run: _Run) -> None:
        try:
            status = await run.host.ended(run.process)
            if run.taken:
                return
            run.taken = True
            await self._end(run, status)
        except HostClosed as error:
            if not run.taken:  # Somebody has released the host, and not this.
                self.fail(error)
        except Exception as error:  # noqa: BLE001 - the author's `digest` may raise anything, and it is reported
            self.fail(error)
        else:
            self.set_finished()

    async def _end(self, run: _Run, status: ProcessStatus) -> None:
        """Take note of how the command ended; raise if that was not well."""
        await self._note_exit(status)
        await self.digest(status)
        good = status.state is ProcessState.ended and status.exit_code in self.good_exit_codes and not status.timed_out
        if not good:
            said = await self._last_words(run.host)
            raise ApplicationFailed(f"{self}: the command {status.how}" + (f": {said}" if said else ""))

    async def _note_exit(self, status: ProcessStatus) -> None:
        if status.exit_code is not None:
            text = f"{status.exit_code}\n"
            await asyncio.to_thread((self.directory / "exitcode").write_text, text, encoding="ascii")

    async def _last_words(self, host: Host) -> str:
        """Return the end of what the command wrote as errors, as far as that can be had."""
        name = "stderr" if self.get("splitStderr") else "stdout"
        path = posixpath.join(self.process_directory, name)
        try:
            size = await host.size(path)
            return tail(await host.read(path, max(0, size - _TAIL)))
        except HostError as error:
            return f"(what it wrote cannot be read: {error})"

    async def do_stop(self) -> None:
        """End the command, and all that it started. It is STOPPED on return, unless it has just ended by itself."""
        run = self._run
        if run is None:
            return
        if run.taken and run.follower is not None:
            await asyncio.wait([run.follower])
            return
        run.taken = True
        await self._remember(stopped=True)
        status = await run.host.stop(run.process, self.get("grace"))
        await self._note_exit(status)
        await self.digest(status)

    async def do_fail(self) -> None:
        """End what still runs of it."""
        run = self._run
        if run is not None:
            run.taken = True
            with suppress(HostUnreachable):  # Its end is not known: that is why it failed, or is told by its release.
                await run.host.stop(run.process, self.get("grace"))

    # --- releasing ----------------------------------------------------------------------------------------------------

    async def do_release(self) -> None:
        """End the command, run `tearDown`, and copy here what is to be kept: each, even if another one goes wrong."""
        errors: list[ExperimentError] = []
        for step in (self._end_for_good, self._tear_down, self._fetch, self._keep):
            try:
                await step()
            except HostUnreachable as error:
                errors.append(error)  # The others would only wait for it as well.
                break
            except ExperimentError as error:
                errors.append(error)
        if len(errors) > 1:
            raise ExperimentError("; ".join(map(str, errors))) from errors[0]
        if errors:
            raise errors[0]

    async def _end_for_good(self) -> None:
        """End the command, and what it has left behind."""
        run = self._run or await self._former_run()
        if run is None:
            return
        known, run.taken = run.taken, True
        if run.follower is not None and not known:
            run.follower.cancel()
        status = await run.host.stop(run.process, self.get("grace"))
        if not known and self._run is run:
            await self._note_exit(status)
            await self.digest(status)

    async def _tear_down(self) -> None:
        if self._provisioned and self.get("tearDown"):
            text, home, host = filled(self.get("tearDown"), self.folders()), self.process_directory, self.host
            env, limit = self._environment(), self.release_patience
            done = await host.run(text, env=env, cwd=home, sudo=self.is_root, timeout=limit)
            done.check(host.name, f"{self}: tearDown")

    async def _keep(self) -> None:
        if self._provisioned:
            await self.keep_traces()

    async def _former_run(self) -> _Run | None:
        """Return what a former controller has started, if it has."""
        facts = self.facts.get("process")
        if facts is None:
            return None
        return _Run(await self.machine.reach(), Process.from_facts(facts))

    async def _fetch(self) -> None:
        wanted = self._items("fetch") if self._provisioned else []
        if not wanted:
            return
        host = self.host
        missing = []
        for each in wanted:
            path = posixpath.normpath(posixpath.join(self.process_directory, filled(each, self.folders())))
            relative = PurePosixPath(posixpath.relpath(path, self.process_directory))
            target = self.directory.joinpath(relative.name if ".." in relative.parts else relative)
            try:
                await host.get(path, target)
            except FileNotThere:
                missing.append(each)
        if missing:
            raise FileNotThere(host.name, f"{self}: these were to be fetched, and are not there: {', '.join(missing)}")

    # --- after its controller died ------------------------------------------------------------------------------------

    def do_recover(self) -> ResourceState:
        """Find the command again, and follow it on; or tell how it ended."""
        return self._stage.loop.run(self._recover())

    async def _recover(self) -> ResourceState:
        self._provisioned = True
        run = self._run = await self._former_run()
        if run is None:
            return max(self.state, ResourceState.READY)
        facts = self.facts
        if self.state in {ResourceState.STOPPED, ResourceState.FINISHED}:
            run.taken = True
            return self.state
        status = await run.host.status(run.process)
        if status.state is ProcessState.running:
            self._follow(run)
            return ResourceState.STARTED
        run.taken = True
        if not facts.get("launched") and status.state is not ProcessState.ended:
            status = await run.host.stop(run.process, self.get("grace"))
            if status.state is ProcessState.abandoned:  # It was about to be started, and has not been.
                return ResourceState.READY
        if facts.get("stopped"):
            return ResourceState.STOPPED
        if status.state is not ProcessState.ended:
            raise ResourceLost(f"{self}: its command {status.how}")
        await self._end(run, status)
        return ResourceState.FINISHED

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _remember(self, **facts: Any) -> None:  # noqa: ANN401 - what JSON can say
        await asyncio.to_thread(self.remember, **facts)

    def _items(self, name: str) -> list[str]:
        try:
            return provision.items(self.get(name))
        except ValueError as error:
            raise InvalidAttribute(f"{self}: attribute {name}: {error}") from error

    def _environment(self) -> dict[str, str]:
        try:
            found = provision.variables(self.get("env"))
        except ValueError as error:
            raise InvalidAttribute(f"{self}: attribute env: {error}") from error
        folders = self.folders() if found and self._connected() else {}
        return {name: filled(value, folders) for name, value in found.items()}

    def _connected(self) -> bool:
        try:
            return bool(self.host)
        except ExperimentError:
            return False

    def _wall_time(self) -> float | None:
        given = self.get("wallTime")
        return None if given is None else seconds(given)
