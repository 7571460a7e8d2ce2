"""What is told to a host's shell, and what it answers."""

from __future__ import annotations

import shlex
import subprocess
from itertools import islice

import pytest

from headrace.experiments.hosts import Completed, Launch, Process, ProcessState, SshSettings, shell
from headrace.experiments.hosts.errors import CommandFailed, HostError
from headrace.experiments.hosts.link import pauses
from headrace.experiments.hosts.posix import parse_status
from headrace.experiments.linux.macros import filled
from headrace.experiments.linux.provision import items, variables


def test_a_command_becomes_the_shells_own_process() -> None:
    assert shell.command_text(["ls", "a b"]) == "exec ls 'a b'"
    assert shell.command_text("ls | wc") == "exec sh -c 'ls | wc'"


def test_root_has_the_variables_too() -> None:
    text = shell.command_text("id", env={"A": "b c"}, cwd="/a b", sudo=True)

    assert text == "cd '/a b' && exec sudo -n -- env 'A=b c' sh -c id"


@pytest.mark.parametrize("name", ["", "A-B", "A B", "1A", "A=B", "Ä", "A\n"])
def test_names_that_no_variable_can_have_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        shell.command_text("true", env={name: "x"})
    with pytest.raises(ValueError, match="letters, digits"):
        shell.launch_text(Launch("true", env={name: "x"}), "/")


def test_a_command_without_words_is_refused() -> None:
    with pytest.raises(ValueError, match="program"):
        shell.command_text([])


def test_a_nul_is_told_to_no_shell() -> None:
    with pytest.raises(ValueError, match="NUL"):
        shell.encoded("a\0b")


def test_scripts_are_of_any_posix_shell() -> None:
    for script in ("process.sh", "files.sh"):
        text = shell.call(script, ":")
        subprocess.run(["sh", "-n"], input=text, text=True, check=True, timeout=10)  # noqa: S607 - whichever there is
        assert "[[" not in text
        assert "local " not in text


@pytest.mark.parametrize(
    ("line", "state", "code", "late"),
    [
        ("never", ProcessState.never, None, False),
        ("gone", ProcessState.gone, None, False),
        ("running 0 12 345 b00t ", ProcessState.running, None, False),
        ("ended 0 12 345 b00t", ProcessState.ended, 0, False),
        ("ended 143 12 345 b00t late", ProcessState.ended, 143, True),
        ("lost 0 0 0 0", ProcessState.lost, None, False),
    ],
)
def test_a_status_is_read(line: str, state: ProcessState, code: int | None, late: bool) -> None:  # noqa: FBT001 - a parameter
    status = parse_status("host", line)

    assert (status.state, status.exit_code, status.timed_out) == (state, code, late)
    assert status.ok is (code == 0)


@pytest.mark.parametrize("line", ["", "ended", "well", "ended x 1 2 3"])
def test_what_is_no_status_is_none(line: str) -> None:
    with pytest.raises(HostError, match="not understood"):
        parse_status("host", line)


def test_facts_are_plain_and_lead_back() -> None:
    process = Process.planned("/folder", sudo=True)

    assert Process.from_facts(process.facts()) == process
    with pytest.raises(ValueError, match="no facts"):
        Process.from_facts({"directory": "/folder"})


def test_what_has_failed_says_the_end_of_what_it_said() -> None:
    with pytest.raises(CommandFailed, match=r"host: building ended with exit code 2: l5"):
        Completed(2, stderr=b"l1\nl2\nl3\nl4\nl5"[-2:]).check("host", "building")
    with pytest.raises(CommandFailed, match="was ended by SIGKILL, and said nothing"):
        Completed(None, 9).check("host", "it")


def test_pauses_grow_to_a_limit_and_are_not_in_step() -> None:
    first, second = (list(islice(pauses(1.0, 8.0), 6)) for _ in range(2))

    for pause, longest in zip(first, (1, 2, 4, 8, 8, 8), strict=True):
        assert longest / 2 <= pause <= longest
    assert first != second


def test_a_password_is_shown_nowhere() -> None:
    assert "xyzzy" not in repr(SshSettings("host", password="xyzzy"))  # noqa: S106 - nobody's


def test_a_host_is_called_as_people_write_it() -> None:
    assert SshSettings("node", 2222, "miller").place == "miller@node:2222"
    assert SshSettings("::1").place == "[::1]:22"


def test_too_few_sessions_are_refused() -> None:
    with pytest.raises(ValueError, match="4 or more"):
        SshSettings("host", sessions=3)


def test_names_of_folders_are_filled_in_and_others_left_to_the_shell() -> None:
    assert filled("${BIN}/x ${HOME} $BIN ${BINS}", {"BIN": "/b"}) == "/b/x ${HOME} $BIN ${BINS}"


def test_lists_are_separated_by_spaces_newlines_and_semicolons() -> None:
    assert items("a b;c\n'd e' ;; f") == ["a", "b", "c", "d e", "f"]
    assert items(None) == []


def test_variables_are_read_as_a_shell_would() -> None:
    assert variables("A=1 B='two words' C=") == {"A": "1", "B": "two words", "C": ""}
    for wrong in ("A", "=1", "A B=1", "Ä=1"):
        with pytest.raises(ValueError, match="sets no variable"):
            variables(wrong)


def test_what_is_launched_keeps_its_text() -> None:
    launch = Launch("echo 'it''s'\nexit 3", env={"A": "b\nc"}, cwd="/a b")

    assert shell.launch_text(launch, "/folder").splitlines()[0] == "cd '/a b' || exit 126"
    assert shell.launch_text(launch, "/folder").endswith("\necho 'it''s'\nexit 3")
    assert shlex.quote("b\nc") in shell.launch_text(launch, "/folder")
