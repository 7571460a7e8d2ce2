"""Parsl's small modules: logs, addresses, utilities, and the rest of its names."""

from __future__ import annotations

import io
import logging
import pickle
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest

import headrace
from headrace.compat import CompatWarning, RefusedError
from headrace.compat.parsl import (
    addresses,
    apps,
    logs,
    memoization,
    monitoring,
    serialization,
    set_stream_logger,
    utils,
)
from headrace.compat.parsl.errors import InvalidResourceSpecification
from headrace.compat.parsl.tasks import FINAL_FAILURE_STATES, FINAL_STATES, States
from headrace.dataflow import identity

if TYPE_CHECKING:
    from pathlib import Path


def test_a_stream_logger_shows_what_headrace_and_parsl_log_until_it_is_removed() -> None:
    stream = io.StringIO()

    remove = set_stream_logger(stream=stream)
    logging.getLogger("headrace.some.part").info("from headrace")
    logging.getLogger("parsl").info("from the program")
    remove()
    logging.getLogger("headrace").warning("after it")

    assert "from headrace" in stream.getvalue()
    assert "from the program" in stream.getvalue()
    assert "after it" not in stream.getvalue()


def test_a_file_logger_writes_to_a_file(tmp_path: Path) -> None:
    remove = logs.set_file_logger(tmp_path / "log", name="parsl.dataflow", level=logging.WARNING)
    logging.getLogger("headrace.dataflow").info("quiet")
    logging.getLogger("headrace.dataflow").warning("loud")
    remove()

    text = (tmp_path / "log").read_text(encoding="utf-8")
    assert "loud" in text
    assert "quiet" not in text


def test_logs_as_json_are_told_to_be_text() -> None:
    with pytest.warns(CompatWarning, match="headrace.log"):
        logs.JSONLogging(level=logging.INFO)


def test_a_format_for_logs_is_told_to_have_no_effect() -> None:
    with pytest.warns(CompatWarning, match="format_string"):
        logs.FileLogging(format_string="%(message)s")


def test_states_are_headraces_and_the_final_ones_are_known() -> None:
    assert {States.exec_done, States.memo_done, States.failed, States.dep_fail, States.cancelled} == FINAL_STATES
    assert {States.failed, States.dep_fail, States.cancelled} == FINAL_FAILURE_STATES


def test_app_classes_make_apps() -> None:
    python = apps.PythonApp(abs, executors=["a"], cache=True)
    bash = apps.BashApp(lambda: "true")

    assert isinstance(python, apps.AppBase)
    assert isinstance(bash, apps.AppBase)
    assert python.options.executors == ("a",)
    assert python.options.cache
    assert apps.PythonApp(list, join=True).options.join


def test_apps_are_instances_of_the_class_of_what_they_run() -> None:
    python, bash = headrace.python_app(abs), headrace.bash_app(lambda: "true")

    assert isinstance(python, apps.PythonApp)
    assert isinstance(bash, apps.BashApp)
    assert not isinstance(bash, apps.PythonApp)
    assert not isinstance(abs, apps.PythonApp)


def test_checkpoints_that_parsl_has_left_are_found_in_the_order_of_their_runs(tmp_path: Path) -> None:
    for run in ("999", "1000", "002", "monitoring"):
        (tmp_path / run / "checkpoint").mkdir(parents=True)
        (tmp_path / run / "checkpoint" / "tasks.pkl").touch()
    (tmp_path / "1001").mkdir()

    found = utils.get_all_checkpoints(tmp_path)

    assert found == [str((tmp_path / run / "checkpoint").resolve()) for run in ("002", "999", "1000")]
    assert utils.get_last_checkpoint(tmp_path) == found[-1:]


def test_no_checkpoints_are_found_where_there_is_nothing(tmp_path: Path) -> None:
    assert utils.get_last_checkpoint(tmp_path / "nowhere") == []


def test_a_file_is_opened_as_soon_as_it_is_there(tmp_path: Path) -> None:
    file, ready = tmp_path / "late", tmp_path / "ready"
    ready.write_text("here")
    writer = threading.Timer(0.02, ready.rename, [file])
    writer.start()

    with utils.time_limited_open(file, "r", seconds=20) as opened:
        assert opened.read() == "here"
    writer.join()


def test_a_file_that_does_not_come_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), utils.time_limited_open(tmp_path / "never", "r", seconds=0):
        pass


def test_run_directories_are_numbered(tmp_path: Path) -> None:
    assert [utils.make_rundir(tmp_path)[-3:] for _ in range(2)] == ["000", "001"]


def test_a_command_is_run_and_waited_for() -> None:
    assert utils.execute_wait("echo out; echo err >&2; exit 3") == (3, "out\n", "err\n")


def test_a_command_that_takes_too_long_is_ended() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        utils.execute_wait("exec sleep 60", walltime=0.05)  # type: ignore[arg-type]  # seconds as they are


@pytest.mark.parametrize(("text", "minutes"), [("01:30:00", 90), ("0:00:59", 0)])
def test_times_become_minutes(text: str, minutes: int) -> None:
    assert utils.wtime_to_minutes(text) == minutes


def test_the_version_is_that_of_the_parsl_that_is_stood_in_for() -> None:
    assert utils.get_version() == "2026.10.26"


class Shown(utils.RepresentationMixin):
    """Keeps what it was made with, but for one."""

    def __init__(self, first: int, second: str = "two", *, third: object = None) -> None:
        self.first = first
        self.second = second
        del third


def test_a_representation_names_the_arguments() -> None:
    assert repr(Shown(1)) == "Shown(first=1, second='two', third='<unrecorded>')"


def test_a_long_representation_takes_a_line_for_each() -> None:
    assert repr(Shown(1, "x" * 80)).splitlines()[1] == "    first=1,"


def test_an_argument_that_was_not_kept_can_be_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shown, "_validate_repr", True)

    with pytest.raises(AttributeError, match="third"):
        repr(Shown(1))


def test_an_address_of_the_loopback_interface_is_found() -> None:
    assert addresses.address_by_interface("lo") == "127.0.0.1"
    assert "127.0.0.1" in addresses.get_all_addresses()
    assert addresses.get_any_address() in addresses.get_all_addresses()


def test_an_interface_that_is_not_there_is_an_error() -> None:
    with pytest.raises(OSError, match="No such device"):
        addresses.address_by_interface("nosuch0")


@pytest.mark.parametrize(
    ("address", "port", "url"),
    [
        ("127.0.0.1", 80, "tcp://127.0.0.1:80"),
        ("::1", 80, "tcp://[::1]:80"),
        ("::1", None, "tcp://::1"),
        ("*", 5, "tcp://*:5"),
    ],
)
def test_urls_of_ports_are_written_for_both_kinds_of_address(address: str, port: int | None, url: str) -> None:
    assert addresses.tcp_url(address, port) == url


def test_what_tells_values_apart_is_parsls_where_parsl_knows_them_and_headraces_elsewhere() -> None:
    assert memoization.id_for_memo(None) == pickle.dumps(None)
    assert memoization.id_for_memo({1}) == identity.id_for_memo({1})


def test_objects_are_serialized_and_back() -> None:
    assert serialization.deserialize(serialization.serialize({"a": [1]})) == {"a": [1]}


@pytest.mark.parametrize("register", [serialization.register_method_for_code, serialization.register_method_for_data])
def test_serializers_of_a_programs_own_are_refused(register: Any) -> None:  # noqa: ANN401 - a function
    with pytest.raises(RefusedError, match="copyreg"):
        register(serialization.SerializerBase())


def test_the_options_of_a_monitoring_hub_can_be_read() -> None:
    with pytest.warns(CompatWarning):
        hub: Any = monitoring.MonitoringHub(logging_endpoint="sqlite:///monitoring.db")

    assert hub.logging_endpoint == "sqlite:///monitoring.db"


def test_radios_are_taken() -> None:
    monitoring.UDPRadio(address="localhost", port=1)
    monitoring.HTEXRadio()


def test_a_wrong_resource_specification_is_an_executor_error_that_names_the_keys() -> None:
    error = InvalidResourceSpecification({"cpus", "disk"}, "use cores")

    assert str(error) == "the resource specification has wrong keys or values: cpus, disk. use cores"
    assert isinstance(error, headrace.HeadraceError)
