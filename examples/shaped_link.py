"""An experiment: how far away may a server be? Throughput against delay, measured until the figures have settled.

Run it with `python examples/shaped_link.py`; it needs the extras `experiments` and `plots`. A client sends blocks to a
server, each once the one before has been answered, so that the delay between the two decides how many there are.

As root on Linux, client and server are on hosts of their own: network namespaces, with a link between them that delays
packets and lets 20 Mbit/s through. Where that may not be, both run on plain localhost, and the server holds each answer
back for as long as the link would take. The first line of the output says which of the two it is.

What it shows of Headrace:

- an experiment is made of resources: hosts, interfaces, a link, applications, each connected to what it needs;
- conditions say when things happen: the client starts once the server has, the server stops once the client has ended;
- a sweep runs the experiment anew for each delay, until the mean is known well enough, with its 95 % interval;
- all that was made is given back after each run, also when the program is interrupted;
- a few lines make a resource type of one's own: see `Server`.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shlex
import signal
import socket
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from headrace.experiments import Attribute, ExperimentController, Flags, ResourceFactory, Types
from headrace.experiments.linux import Application
from headrace.experiments.plot import plot_series
from headrace.experiments.results import Results
from headrace.experiments.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace.experiments.results import Row

DELAYS = (0.0, 10.0, 20.0, 40.0)  #: Milliseconds, in each direction.
RATE = 20  #: Megabits a second.
BLOCK = 64 * 1024  #: Bytes that are sent before an answer is waited for.
SECONDS = 0.4  #: For so long each run measures.

#: What both applications run, by the Python of this program; it needs nothing else. It is put where they run.
PROGRAM = f"""
import json, socket, sys, time

BLOCK, SECONDS = {BLOCK}, {SECONDS}

def serve(address, port, wait):
    listener = socket.create_server((address, port))
    while True:
        connection, _ = listener.accept()
        with connection:
            while take(connection):
                time.sleep(wait)
                connection.sendall(b".")

def take(connection):
    left = BLOCK
    while left:
        got = len(connection.recv(left))
        if not got:
            return False
        left -= got
    return True

def measure(address, port):
    with connected(address, port) as connection:
        block = bytes(BLOCK)
        for _ in range(2):  # TCP has to find out first how much it may send.
            connection.sendall(block)
            connection.recv(1)
        blocks, began = 0, time.monotonic()
        while (took := time.monotonic() - began) < SECONDS:
            connection.sendall(block)
            connection.recv(1)
            blocks += 1
        print(json.dumps({{"blocks": blocks, "seconds": took}}))

def connected(address, port):
    deadline = time.monotonic() + 5
    while True:
        try:
            return socket.create_connection((address, port), timeout=5)
        except ConnectionRefusedError:  # It runs, and does not listen yet.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)

role, address, port, wait = sys.argv[1:]
serve(address, int(port), float(wait)) if role == "serve" else measure(address, int(port))
"""


def command(role: str, address: str, port: int, wait: float = 0.0) -> str:
    """Return what runs the program above; `code` has put it into the application's folder."""
    return f"{shlex.quote(sys.executable)} -I -S ${{APP_HOME}}/code {role} {address} {port} {wait}"


class Server(Application):
    """A server that is as slow as a link with a delay would make it."""

    _rtype: ClassVar[str] = "example::Server"
    _help: ClassVar[str] = "A server that holds its answers back"

    attributes: ClassVar[tuple[Attribute, ...]] = (
        Attribute("delay", "Milliseconds in each direction", type=Types.Double, flags=Flags.Design, default=0.0),
        Attribute("port", "Where it listens", type=Types.Integer, flags=Flags.Design, default=0),
    )

    def command_line(self) -> str:
        """Return what is run."""
        return command("serve", "127.0.0.1", self.get("port"), block_time(self.get("delay")))


def block_time(delay: float) -> float:
    """Return how many seconds a block and its answer take by a link with this delay, in theory."""
    return 2 * delay / 1000 + 8 * BLOCK / (RATE * 1e6)


# --- two experiments, with the same client ----------------------------------------------------------------------------


def across_a_link(folder: Path) -> tuple[ExperimentController, int, int]:
    """Describe it with hosts and a link. Returns the experiment, whose `delay` is swept, and the client."""
    ec = ExperimentController("shaped-link", folder)
    machine = ec.register_resource("linux::Node", home=str(folder / "home"))
    near, far = (ec.register_resource("linux::NetNS", connectedTo=machine) for _ in range(2))
    ends = [
        ec.register_resource("linux::Interface", ip4=address, connectedTo=host)
        for host, address in ((near, "10.0.0.1"), (far, "10.0.0.2"))
    ]
    link = ec.register_resource("linux::Link", rate=RATE, connectedTo=ends)
    run = command("serve", "10.0.0.2", 5000)
    server = ec.register_resource("linux::Application", command=run, code=PROGRAM, connectedTo=far)
    client = add_client(ec, near, server, "10.0.0.2", 5000)
    return ec, link, client


def on_localhost(folder: Path) -> tuple[ExperimentController, int, int]:
    """Describe it without. Returns the experiment, whose `delay` is swept, and the client."""
    factory = ResourceFactory()
    factory.register_type(Server)
    ec = ExperimentController("localhost", folder, factory=factory)
    machine = ec.register_resource("linux::Node", home=str(folder / "home"))
    port = free_port()
    server = ec.register_resource("example::Server", code=PROGRAM, port=port, connectedTo=machine)
    client = add_client(ec, machine, server, "127.0.0.1", port)
    return ec, server, client


def add_client(ec: ExperimentController, host: int, server: int, address: str, port: int) -> int:
    """Add the client, and say when the two start and stop."""
    run = command("measure", address, port)
    client = ec.register_resource("linux::Application", command=run, code=PROGRAM, connectedTo=host)
    ec.register_condition(client, "START", server, "STARTED")
    ec.register_condition(server, "STOP", client, "STOPPED")
    return client


def free_port() -> int:
    """Return a port of localhost that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def trial(folder: Path) -> tuple[str, str]:
    """Find out whether there can be a link between namespaces here, by making one.

    Returns what shapes it, as "netem", or ""; and then why there can be none.
    """
    if os.geteuid() != 0:
        return "", "that takes root"
    with across_a_link(folder)[0] as ec:
        parts = [guid for guid in ec.resources if ec.get_resource(guid).rtype != "linux::Application"]
        ec.deploy(parts)
        if ec.wait_deployed(parts, "15s"):
            (link,) = ec.filter_resources("linux::Link")
            return ec.get(link, "shapedBy"), ""
        causes = [str(cause) for guid in parts if (cause := ec.get_resource(guid).cause) is not None]
        return "", causes[0] if causes else "it took too long"


# --- running it -------------------------------------------------------------------------------------------------------


def throughput(ec: ExperimentController, client: int) -> float:
    """Return what a run measured, in megabits a second."""
    found = json.loads(ec.trace(client, "stdout"))
    return float(found["blocks"] * BLOCK * 8 / found["seconds"] / 1e6)


def tell(row: Row) -> None:
    """Print what was measured at a delay."""
    (delay,) = row.parameters.values()
    theory = BLOCK * 8 / block_time(delay) / 1e6
    told = "nothing" if row.interval is None else f"{row.mean:5.2f} Mbit/s"
    if row.half_width is not None:
        told += f" ± {row.half_width:.2f}"
    print(f" {told} in {row.n} runs; in theory {theory:.2f}" + ("" if row.measured else f"; {row.why}"), flush=True)


def measure(  # noqa: PLR0917 - each once
    ec: ExperimentController, swept: int, client: int, delays: Sequence[float], runs: int, interrupts: Interrupts
) -> Results:
    """Measure at each delay, in so many runs or one more, and say how it goes."""
    begun = set()

    def begin(run: ExperimentController, _: int) -> None:
        interrupts.end()
        delay = run.get(swept, "delay")
        if delay not in begun:
            begun.add(delay)
            print(f"  {delay:2.0f} ms there, {delay:2.0f} ms back: ", end="", flush=True)
        print(".", end="", flush=True)

    results = sweep(
        ec,
        {(swept, "delay"): delays},
        min_runs=runs,
        max_runs=runs + 1,
        wait_guids=client,
        timeout="15s",
        compute_metric=lambda run, _: throughput(run, client),
        prepare=begin,
        told=tell,
    )
    rows = [replace(row, parameters={"delay [ms]": row.parameters[f"{swept}.delay"]}) for row in results]
    return Results(["delay [ms]"], rows, metric="Mbit/s")


def main(arguments: Sequence[str] | None = None) -> int:
    """Choose the experiment, run it, and write the report; return the exit code."""
    parser = argparse.ArgumentParser(description="Measure throughput against delay.")
    parser.add_argument("--output", type=Path, default=Path("runinfo/shaped-link"), help="folder for the results")
    parser.add_argument(
        "--localhost", action="store_true", help="make no namespaces and no link, even where they can be"
    )
    parser.add_argument("--delays", type=float, nargs="+", default=DELAYS, help="milliseconds in each direction")
    parser.add_argument("--runs", type=int, default=3, help="how many runs at least, for each delay")
    options = parser.parse_args(arguments)
    interrupts = Interrupts()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="headrace-shaped-link-") as name:
        # That it may not be is no error here.
        logging.disable(logging.CRITICAL)
        shaper, reason = ("", "as was asked for") if options.localhost else trial(Path(name, "trial"))
        logging.disable(logging.NOTSET)
        interrupts.end()
        if shaper:
            print(f"Two hosts in network namespaces, with a link of {RATE} Mbit/s between them, shaped by {shaper}.")
            ec, swept, client = across_a_link(Path(name))
        else:
            print("Plain localhost, without a link: the server waits for as long as a link would take.")
            print(f"(Why no link: {' '.join(reason.split())}.)")
            ec, swept, client = on_localhost(Path(name))
        with ec:
            results = measure(ec, swept, client, options.delays, options.runs, interrupts)
    return report(results, options.output, shaper, time.monotonic() - began)


class Interrupts:
    """Takes note of signals: the program ends between two runs, and so leaves nothing behind."""

    def __init__(self) -> None:
        self._number = 0
        for number in signal.SIGINT, signal.SIGTERM:
            signal.signal(number, self._note)

    def _note(self, number: int, _: object) -> None:
        self._number = number
        print(" interrupted: it ends after this run", file=sys.stderr)

    def end(self) -> None:
        """End the program, if it was interrupted."""
        if self._number:
            sys.exit(128 + self._number)


def report(results: Results, folder: Path, shaper: str, seconds: float) -> int:
    """Print the table, write it and the plot into a folder; return the exit code."""
    missing = [row for row in results if not row.measured]
    print(f"\n{results.table()}\n")
    if missing:
        print(f"{len(missing)} of {len(results)} delays could not be measured", file=sys.stderr)
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    results.to_csv(folder / "throughput.csv")
    results.to_json(folder / "throughput.json")
    title = f"Two namespaces, a link of {RATE} Mbit/s by {shaper}" if shaper else "A server on localhost that waits"
    plot = plot_series(
        results.series(),
        folder / "throughput.svg",
        x_label="delay in each direction [ms]",
        y_label="throughput [Mbit/s], 95 % interval",
        title=title,
    )
    print(f"{sum(row.n for row in results)} runs in {seconds:.0f} s. Table and plot:")
    print(plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
