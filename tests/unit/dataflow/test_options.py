"""What an app's decorator and its calls may say, and what is refused."""

# ruff: noqa: ANN401 - options are tried with values of any kind

from __future__ import annotations

from typing import Any

import pytest

from headrace import ConfigurationError, bash_app, command_app, join_app, python_app
from headrace.compute.resources import Resources
from headrace.dataflow.options import call_options, options_of_call
from headrace.dataflow.task import CallOptions


def f() -> list[str]:
    return ["true"]


def test_an_app_s_needs_become_resources() -> None:
    options = call_options("f", {"cores": 2, "memory": "1GiB", "gpus": 1})

    assert options.resources == Resources(cores=2, memory=2**30, gpus=1)


def test_an_app_that_says_nothing_of_its_needs_has_none() -> None:
    assert call_options("f", {}).resources is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"walltime": 0}, r"walltime must be a number of seconds, more than 0, not 0"),
        ({"walltime": -1.5}, r"walltime must be .* not -1\.5"),
        ({"walltime": "1h"}, r"walltime must be .* not '1h'"),
        ({"cores": -1}, r"cores must be a whole number, at least 0, not -1"),
        ({"cores": 1.5}, r"cores must be a whole number"),
        ({"memory": "much"}, r"memory must be a number of bytes, or text such as '1\.5GiB'.* not 'much'"),
        ({"gpus": True}, r"gpus must be a whole number"),
    ],
)
def test_a_wrong_need_is_refused_naming_app_and_option(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"app 'f': {message}"):
        call_options("f", options)


@pytest.mark.parametrize("decorator", [python_app, bash_app, command_app, join_app])
def test_an_unknown_option_is_refused_with_the_nearest_there_is(decorator: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"app 'f' has no option 'retrys'; did you mean 'retries'\?"):
        decorator(retrys=1)(f)


def test_a_join_app_takes_no_executors() -> None:
    with pytest.raises(ConfigurationError, match=r"app 'f' has no option 'executors'"):
        join_app(executors=["a"])(f)  # type: ignore[call-overload]  # the point


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"env": {"A": 1}}, "env must hold texts under texts"),
        ({"cwd": 3}, "cwd must be a path, not 3"),
        ({"sandbox": True, "cwd": "/"}, "leave out sandbox or cwd"),
        ({"grace": -1}, r"grace must be a number of seconds, at least 0, not -1\.0"),
        ({"grace": float("inf")}, "grace must be a number of seconds, at least 0, not inf"),
    ],
)
def test_a_wrong_option_of_a_command_is_refused(options: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"app 'f': .*{message}"):
        command_app(**options)(f)


def test_a_walltime_among_the_arguments_goes_over_the_app_s() -> None:
    options = options_of_call(CallOptions(name="f", walltime=5), {"walltime": 1.5})

    assert options.walltime == 1.5


def test_parsl_s_resource_specification_is_understood() -> None:
    spec = {"cores": 2, "memory": 500, "gpus": 1, "priority": 3}

    options = options_of_call(CallOptions(name="f"), {"parsl_resource_specification": spec})

    assert (options.resources, options.priority) == (Resources(cores=2, memory=500_000_000, gpus=1), -3)


def test_an_empty_resource_specification_changes_nothing() -> None:
    options = CallOptions(name="f", priority=2)

    assert options_of_call(options, {"parsl_resource_specification": {}}) is options


@pytest.mark.parametrize("spec", [{"disk": 3}, 7, [("cores", 1)]])
def test_what_is_no_resource_specification_is_refused(spec: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=r"parsl_resource_specification must be a dict with some of cores, gpus"
    ):
        options_of_call(CallOptions(name="f"), {"parsl_resource_specification": spec})
