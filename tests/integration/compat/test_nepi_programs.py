"""Whole programs that are written for NEPI, unmodified: of both its vintages."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

#: As from NEPI 3.2 on: `do_` methods, which reschedule themselves while a neighbour is not ready.
YOUNGER = """
import time
from nepi.execution.attribute import Attribute, Flags, Types
from nepi.execution.ec import ExperimentController, FailureLevel
from nepi.execution.resource import (
    ResourceAction, ResourceFactory, ResourceManager, ResourceState, clsinit_copy)
from nepi.execution.trace import Trace, TraceAttr

@clsinit_copy
class Host(ResourceManager):
    _rtype = "own::Host"

    @classmethod
    def _register_attributes(cls):
        cls._register_attribute(Attribute("cores", "How many", type=Types.Integer, default=2, flags=Flags.Design))

    def do_deploy(self):
        time.sleep(0.05)
        super(Host, self).do_deploy()

@clsinit_copy
class Program(ResourceManager):
    _rtype = "own::Program"

    @classmethod
    def _register_attributes(cls):
        cls._register_attribute(Attribute("seconds", "How long", type=Types.Double, default=0.05))
        cls._register_attribute(Attribute("fails", "Whether", type=Types.Bool, default=False))

    @property
    def host(self):
        return self.get_connected("own::Host")[0]

    def do_deploy(self):
        if self.host.state < ResourceState.READY:
            self.ec.schedule("20ms", self.deploy)
        else:
            self.do_discover()
            self.do_provision()
            super(Program, self).do_deploy()

    def do_start(self):
        super(Program, self).do_start()
        time.sleep(self.get("seconds"))
        if self.get("fails"):
            raise RuntimeError("asked to fail")
        self.set_stopped()

ResourceFactory.register_type(Host)
ResourceFactory.register_type(Program)

ec = ExperimentController(exp_id="younger")
host = ec.register_resource("own::Host")
programs = [ec.register_resource("own::Program") for _ in range(3)]
for program in programs:
    ec.register_connection(program, host)
ec.set(programs[0], "seconds", 0.2)
ec.register_condition(programs[1], ResourceAction.START, programs[0], ResourceState.STOPPED, "0.1s")
ec.register_condition([programs[2]], ResourceAction.START, programs[:2], ResourceState.STARTED)
ec.deploy([host] + programs)
ec.wait_finished(programs)
first, second = (ec.get_resource(guid) for guid in programs[:2])
print([ec.state(guid) == ResourceState.STOPPED for guid in programs], ec.state(host, hr=True))
print((second.start_time - first.stop_time).total_seconds() >= 0.1, first.ready_time <= first.start_time)
print(ec.failure_level == FailureLevel.OK, sorted(len(ec.get_resource(guid).connections) for guid in ec.resources))
tid = ec.schedule("0s", lambda: "hello", track=True)
while ec.get_task(tid).result is None:
    time.sleep(0.01)
print(ec.get_task(tid).result)
ec.shutdown()
print([ec.state(guid) == ResourceState.RELEASED for guid in [host] + programs])
"""

#: As of 2013: methods are overridden themselves, states are set, and what ends is FINISHED.
OLDER = """
import time
from nepi.execution.ec import ExperimentController
from nepi.execution.resource import ResourceAction, ResourceFactory, ResourceManager, ResourceState, clsinit

@clsinit
class Program(ResourceManager):
    _rtype = "old::Program"

    def deploy(self):
        time.sleep(0.02)
        super(Program, self).deploy()

    def start(self):
        super(Program, self).start()
        time.sleep(0.05)
        self._state = ResourceState.FINISHED

ResourceFactory.register_type(Program)

ec = ExperimentController()
one = ec.register_resource("old::Program")
two = ec.register_resource("old::Program")
ec.register_connection(one, two)
ec.register_condition(two, ResourceAction.START, one, ResourceState.FINISHED, time="50ms")
ec.deploy([one, two])
ec.wait_finished([one, two])
print(ec.state(one) == ResourceState.FINISHED, ec.state(two, hr=True))
print(ec.get_resource(two).conditions[ResourceAction.START])
ec.release()
print(ec.state(one) == ResourceState.RELEASED)
ec.shutdown()
"""

FAILING = """
from nepi.execution.ec import ExperimentController, ECState, FailureLevel
from nepi.execution.resource import ResourceAction, ResourceFactory, ResourceManager, ResourceState, clsinit_copy

@clsinit_copy
class Program(ResourceManager):
    _rtype = "own::Failing"

    def do_start(self):
        raise RuntimeError("asked to fail")

@clsinit_copy
class Quiet(ResourceManager):
    _rtype = "own::Quiet"

ResourceFactory.register_type(Program)
ResourceFactory.register_type(Quiet)
for critical in (True, False):
    ec = ExperimentController(exp_id="failing")
    guids = [ec.register_resource("own::Failing"), ec.register_resource("own::Quiet")]
    ec.set(guids[0], "critical", critical)
    ec.register_condition(guids[1], ResourceAction.START, guids[0], ResourceState.STARTED)
    ec.deploy(guids)
    ec.wait_started(guids)
    print(ec.failure_level == (FailureLevel.RM_FAILURE if critical else FailureLevel.OK))
    print(ec.abort, ec._fm._failure_level == ec.failure_level, ec.state(guids[0]) == ResourceState.FAILED)
    print(ec.state(guids[1]) == (ResourceState.READY if critical else ResourceState.STARTED))
    ec.shutdown()
    print(ec.ecstate == ECState.TERMINATED)
"""

REPEATED = """
from nepi.execution.ec import ExperimentController
from nepi.execution.resource import ResourceFactory, ResourceManager, ResourceState, clsinit_copy
from nepi.execution.runner import ExperimentRunner
from nepi.util.netgraph import TopologyType

@clsinit_copy
class Node(ResourceManager):
    _rtype = "own::Node"

    def do_start(self):
        super(Node, self).do_start()
        self.set_stopped()

ResourceFactory.register_type(Node)
guids = {}

def add_node(ec, nid):
    guids[nid] = ec.register_resource("own::Node")

def add_edge(ec, nid1, nid2):
    ec.register_connection(guids[nid1], guids[nid2])

ec = ExperimentController("repeated", topo_type=TopologyType.LADDER, node_count=6, assign_ips=True,
                          add_node_callback=add_node, add_edge_callback=add_edge)
print(len(ec.resources), sorted(len(ec.get_resource(guid).connections) for guid in ec.resources))
ip1, ip2 = ec.netgraph.get_p2p_info(0, 1)[:2]
print(ip1 != ip2)

samples = iter([10, 11, 10.5, 10.4, 10.6, 10.5, 10.5, 10.5])

def metric(ec, run):
    return next(samples)

rnr = ExperimentRunner()
print(rnr.run(ec, min_runs=2, max_runs=8, compute_metric_callback=metric, wait_guids=list(guids.values())))
"""

EXPECTED = {
    "younger": "[True, True, True] STARTED\nTrue True\nTrue [1, 1, 1, 3]\nhello\n[True, True, True, True]\n",
    "older": "True FINISHED\n[((1,), <ResourceState.FINISHED>, 0.05)]\nTrue\n",
    "failing": "True\nTrue True True\nTrue\nTrue\nTrue\nFalse True True\nTrue\nTrue\n",
    "repeated": "6 [2, 2, 2, 2, 3, 3]\nTrue\n5\n",
}


@pytest.mark.parametrize(
    ("name", "program"),
    [("younger", YOUNGER), ("older", OLDER), ("failing", FAILING), ("repeated", REPEATED)],
)
def test_a_program_written_for_nepi_runs_as_it_is(name: str, program: str, tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(program, encoding="utf-8")
    starter = "import headrace.compat.nepi, runpy, sys; runpy.run_path(sys.argv[1], run_name='__main__')"

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", starter, str(path)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")},
    )

    assert (done.stdout, done.returncode) == (EXPECTED[name], 0), done.stderr


def test_a_module_that_is_not_here_is_refused_with_those_that_are(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import headrace.compat.nepi; import nepi.resources.omf.node"],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        cwd=tmp_path,
    )

    assert "no module named 'nepi.resources'" in done.stderr
    assert "nepi.execution" in done.stderr
