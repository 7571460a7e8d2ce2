"""A `Config` that can be made is a good one; one that cannot says which option is wrong and what would be right."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

import concurrent.futures
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from headrace import DEEP_DEPENDENCY_RESOLVER, Backoff, Config, ConfigurationError, ExternalExecutor, ThreadPoolExecutor

GOOD: list[tuple[str, Any]] = [
    ("executors", []),
    ("executors", [ThreadPoolExecutor("a"), ThreadPoolExecutor("b")]),
    ("executors", (ThreadPoolExecutor("a"),)),
    ("retries", 0),
    ("retries", 7),
    ("retry_handler", None),
    ("retry_handler", lambda _error, _task: 1.0),
    ("backoff", Backoff()),
    ("run_dir", "runs"),
    ("run_dir", Path("runs")),
    ("exit_mode", "cleanup"),
    ("exit_mode", "skip"),
    ("exit_mode", "wait"),
    ("dependency_resolver", DEEP_DEPENDENCY_RESOLVER),
    ("max_in_flight", 1),
    ("max_in_flight", None),
    ("cleanup_timeout", 0),
    ("cleanup_timeout", 2.5),
    ("cleanup_timeout", None),
    ("internal_tasks_max_threads", 1),
    ("initialize_logging", False),
]

BAD: list[tuple[str, Any]] = [
    ("executors", ThreadPoolExecutor("alone")),
    ("executors", "threads"),
    ("executors", {"threads": 4}),
    ("retries", -1),
    ("retries", 1.5),
    ("retries", "3"),
    ("retries", None),
    ("retry_handler", 3),
    ("backoff", 1.0),
    ("run_dir", ""),
    ("run_dir", None),
    ("run_dir", b"runs"),
    ("exit_mode", "leave"),
    ("exit_mode", None),
    ("dependency_resolver", "deep"),
    ("max_in_flight", 0),
    ("max_in_flight", 1.5),
    ("cleanup_timeout", -1),
    ("cleanup_timeout", "30"),
    ("cleanup_timeout", float("nan")),
    ("internal_tasks_max_threads", 0),
    ("internal_tasks_max_threads", None),
]


@pytest.mark.parametrize(("option", "value"), GOOD)
def test_a_good_value_is_taken(option: str, value: Any) -> None:
    config = Config(**{option: value})

    expected = tuple(value) if option == "executors" else value
    assert expected == getattr(config, option)


@pytest.mark.parametrize(("option", "value"), BAD)
def test_a_wrong_value_is_refused_naming_the_option(option: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=option):
        Config(**{option: value})


def test_a_configuration_error_is_also_a_value_error() -> None:
    with pytest.raises(ValueError, match="retries"):
        Config(retries=-1)


def test_unless_said_there_is_one_executor_with_threads() -> None:
    labels = [executor.label for executor in Config().labelled_executors]

    assert labels == ["threads"]


def test_two_configs_do_not_share_their_default_executor() -> None:
    first, second = Config(), Config()

    assert first.labelled_executors[0] is not second.labelled_executors[0]


def test_an_unknown_option_is_refused_suggesting_the_one_that_was_meant() -> None:
    options: dict[str, Any] = {"retrys": 3}

    with pytest.raises(ConfigurationError, match="no option 'retrys'; did you mean 'retries'"):
        Config(**options)


def test_an_unknown_option_like_no_other_is_refused_listing_them_all() -> None:
    options: dict[str, Any] = {"zzz": 3}

    with pytest.raises(ConfigurationError, match=r"'zzz'; the options are: executors, retries, .*initialize_logging"):
        Config(**options)


def test_a_dict_instead_of_options_is_refused_saying_how_to_write_it() -> None:
    make: Any = Config

    with pytest.raises(ConfigurationError, match=r"not dict; for a dict, write Config\(\*\*options\)"):
        make({"retries": 3})


def test_a_positional_option_is_refused() -> None:
    make: Any = Config

    with pytest.raises(ConfigurationError, match="by name"):
        make([ThreadPoolExecutor("a")])


def test_an_option_cannot_be_changed_later() -> None:
    config: Any = Config()

    with pytest.raises(dataclasses.FrozenInstanceError):
        config.retries = 3


def test_a_copy_with_one_option_changed_keeps_the_others() -> None:
    config = dataclasses.replace(Config(retries=2, exit_mode="wait"), retries=3)

    assert (config.retries, config.exit_mode) == (3, "wait")


def test_an_executor_of_the_standard_library_with_a_label_is_taken_as_it_is() -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.label = "mine"  # type: ignore[attr-defined]  # as users do

        (executor,) = Config(executors=[pool]).labelled_executors

    assert isinstance(executor, ExternalExecutor)
    assert executor.label == "mine"


@pytest.mark.parametrize("label", [None, "", 3])
def test_an_executor_without_a_label_is_refused_saying_how_to_give_it_one(label: Any) -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        if label is not None:
            pool.label = label  # type: ignore[attr-defined]  # as users do

        with pytest.raises(ConfigurationError, match=r"no label: write ExternalExecutor\('a label', executor\)"):
            Config(executors=[pool])


def test_what_is_no_executor_is_refused() -> None:
    executors: Any = [42]

    with pytest.raises(ConfigurationError, match=r"must be a concurrent.futures.Executor with a label, not 42"):
        Config(executors=executors)
