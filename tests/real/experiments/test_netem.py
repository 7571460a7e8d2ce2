"""Links that the kernel shapes: in a user-mode Linux, since this machine's own kernel may have no netem."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CLONE = HERE.parents[2]
CHOSEN = "delays_as_it_is_told or changes_while_it_is_used or link_loses_packets or what_shapes or rate_of_a_link"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_netem_of_a_kernel_delays_loses_and_throttles_as_it_is_told(tmp_path: Path) -> None:
    """The tests of links pass there, and the kernel shapes them: one of them asserts that."""
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=120", "--basetemp=/run/tests"]
    tests += [f"{HERE}/test_netns.py", f"{HERE}/test_tools.py", "-k", CHOSEN]
    # The command line of a kernel has no quotes: a file has the words.
    script = tmp_path / "tests.sh"
    script.write_text(f"cd {CLONE} && exec {shlex.join(tests)}\n", encoding="utf-8")
    machine = ["/usr/bin/linux.uml", "mem=700M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "quiet"]
    machine += ["con=null", "con0=null,fd:1", f"uml_dir={tmp_path}/uml", f"init={sys.executable}", "--"]
    machine += [str(HERE / "uml_init.py"), "/bin/sh", str(script)]
    with subprocess.Popen(
        machine,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        # Its memory is a file there.
        env={**os.environ, "TMPDIR": "/dev/shm"},  # noqa: S108 - the machine's own memory
    ) as running:
        try:
            output = running.communicate(timeout=280)[0].decode(errors="replace")
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            output = running.communicate()[0].decode(errors="replace")

    assert "ended with exit code 0" in output, output[-5000:]
    assert "7 passed" in output, output[-5000:]
