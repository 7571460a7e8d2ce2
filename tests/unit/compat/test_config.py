"""Parsl's `Config`: its names, its defaults, and what is told and what refused."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

import headrace
from headrace.compat import CompatWarning, RefusedError
from headrace.compat.parsl import Config, MonitoringHub, ThreadPoolExecutor
from headrace.compat.parsl.logs import FileLogging, NoopLogging
from headrace.compat.parsl.memoization import BasicMemoizer, Memoizer


def test_it_is_a_config_of_headrace_with_the_defaults_of_parsl() -> None:
    config = Config()

    assert isinstance(config, headrace.Config)
    assert config.exit_mode == "cleanup"
    assert config.retries == 0
    assert config.run_dir == "runinfo"
    assert config.internal_tasks_max_threads == 10
    assert config.strategy == "simple"
    (executor,) = config.labelled_executors
    assert (executor.label, executor.capacity) == ("threads", 2)


def test_options_may_be_given_by_position_in_the_order_of_parsl() -> None:
    executor = ThreadPoolExecutor("mine")

    assert Config([executor], None, None, "wait").exit_mode == "wait"
    assert Config([executor]).executors == (executor,)


def test_executors_may_be_any_iterable() -> None:
    executor = ThreadPoolExecutor("mine")

    assert Config(executors=iter([executor])).executors == (executor,)


def test_it_may_be_changed_until_it_is_used() -> None:
    config: Any = Config()

    config.run_dir = "elsewhere"
    config.retries = 3

    assert (config.run_dir, config.retries) == ("elsewhere", 3)


def test_each_is_equal_to_itself_only() -> None:
    config = Config()

    assert config == config  # noqa: PLR0124 - what is tested
    assert config != Config()
    assert len({config, Config()}) == 2


def test_what_has_no_effect_is_told_in_one_warning_at_the_line_that_asks_for_it() -> None:
    with pytest.warns(CompatWarning, match="usage_tracking, project_name") as caught:
        Config(usage_tracking=3, project_name="mine")

    assert [Path(one.filename).name for one in caught] == ["test_config.py"]


@pytest.mark.parametrize("options", [{}, {"strategy": "none"}, {"strategy": None}, {"app_cache": False}])
def test_what_means_the_same_here_is_not_told(options: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Config(**options)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Config(memoizer=type("Own", (Memoizer,), {})()), "a memoizer of your own"),
        (lambda: Config(memoizer=type("Own", (BasicMemoizer,), {})()), "a memoizer of your own"),
    ],
)
def test_what_would_mean_something_else_is_refused_by_name(make: Any, named: str) -> None:  # noqa: ANN401 - makes anything
    with pytest.raises(RefusedError, match=f"{named}.* is not available in Headrace: .+"):
        make()


def test_a_memoizer_without_checkpoints_is_taken() -> None:
    assert isinstance(Config(memoizer=BasicMemoizer(memoize=False)).memoizer, BasicMemoizer)


def test_checkpoints_are_off_unless_asked_for() -> None:
    assert Config().checkpoints.mode is None
    assert Config(memoizer=BasicMemoizer()).checkpoints.mode is None


def test_what_a_memoizer_says_of_checkpoints_counts_before_the_older_options() -> None:
    memoizer = BasicMemoizer(checkpoint_mode="manual", checkpoint_files=["a"])
    config = Config(memoizer=memoizer, checkpoint_mode="task_exit")

    memoizer.checkpoint_files = ["b"]

    assert (config.checkpoints.mode, config.checkpoints.files) == ("manual", ["b"])


def test_the_older_options_may_be_set_later() -> None:
    config: Any = Config()

    config.checkpoint_mode = "dfk_exit"

    assert config.checkpoints.mode == "dfk_exit"


@pytest.mark.parametrize(
    ("period", "seconds"), [("00:00:02", 2), ("01:01:01", 3661), ("0:90:00", 5400), ("100:00:00", 360_000)]
)
def test_a_period_is_hours_minutes_and_seconds(period: str, seconds: float) -> None:
    assert BasicMemoizer(checkpoint_mode="periodic", checkpoint_period=period).options.seconds == seconds


def test_an_older_config_has_a_period_of_half_an_hour() -> None:
    assert Config(checkpoint_mode="periodic").checkpoints.seconds == 1800


@pytest.mark.parametrize("period", [None, "", "10", "00:00:00", "1:2", "a:b:c", 5])
def test_a_memoizer_needs_a_period_that_can_be_read(period: Any) -> None:  # noqa: ANN401 - the cases
    with pytest.raises(headrace.ConfigurationError, match="HH:MM:SS"):
        BasicMemoizer(checkpoint_mode="periodic", checkpoint_period=period)


@pytest.mark.parametrize("make", [BasicMemoizer, Config])
def test_an_unknown_mode_is_refused_with_those_that_there_are(make: Any) -> None:  # noqa: ANN401 - the cases
    with pytest.raises(headrace.ConfigurationError, match="'task_exit', 'periodic', 'dfk_exit', 'manual' or None"):
        make(checkpoint_mode="sometimes")


@pytest.mark.parametrize("files", ["runinfo/000/checkpoint", [1], {"a": 1}, [b"a"]])
def test_checkpoint_files_are_a_list_of_directories(files: Any) -> None:  # noqa: ANN401 - the cases
    with pytest.raises(headrace.ConfigurationError, match="list of directories"):
        Config(checkpoint_files=files)


def test_an_empty_list_of_checkpoints_is_none() -> None:
    assert Config(checkpoint_files=[]).checkpoints.files == []


def test_a_memoizer_without_a_kernel_says_so() -> None:
    with pytest.raises(headrace.ConfigurationError, match="needs a kernel"):
        BasicMemoizer(checkpoint_mode="manual").checkpoint()


def test_a_monitoring_hub_is_told_of() -> None:
    with pytest.warns(CompatWarning, match="no monitoring database is written"):
        MonitoringHub(hub_address="localhost", resource_monitoring_interval=10)


@pytest.mark.parametrize(
    ("given", "writes"), [(True, True), (False, False), (FileLogging(), True), (NoopLogging(), False)]
)
def test_ways_to_log_become_whether_to_log(given: Any, writes: bool) -> None:  # noqa: ANN401, FBT001 - the cases
    assert Config(initialize_logging=given).initialize_logging is writes


def test_a_wrong_value_is_refused_by_the_name_of_its_option() -> None:
    with pytest.raises(headrace.ConfigurationError, match="exit_mode"):
        Config(exit_mode="later")  # type: ignore[arg-type]  # what is tested


@pytest.mark.parametrize("level", [-1, 4, "1", None])
def test_a_level_of_usage_tracking_that_parsl_does_not_have_is_refused(level: Any) -> None:  # noqa: ANN401 - the cases
    with pytest.raises(headrace.ConfigurationError, match="usage_tracking"):
        Config(usage_tracking=level)


def test_an_unknown_option_is_a_type_error_as_it_is_in_parsl() -> None:
    with pytest.raises(TypeError, match="executers"):
        Config(executers=[])  # type: ignore[call-arg]  # what is tested


def test_a_path_function_for_streams_is_headraces_own_option() -> None:
    def autopath(task: Any, stream: str) -> str:  # noqa: ANN401 - a task
        return stream

    assert Config(std_autopath=autopath).std_autopath is autopath
