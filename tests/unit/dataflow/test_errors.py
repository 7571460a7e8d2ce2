"""Errors that say why a task did not run: at any depth they are built, printed, pickled and freed without recursion."""

# ruff: noqa: S301 - pickles made here

from __future__ import annotations

import copy
import pickle
import threading
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

import pytest

from headrace import (
    AppException,
    BashExitFailure,
    ConfigurationError,
    DependencyError,
    DuplicateLabelError,
    HeadraceError,
    JoinError,
    KernelClosedError,
    MissingOutputs,
    NoDataFlowKernelError,
    PropagatedError,
    UnknownExecutorError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

DEEP = 20_000


def chain(depth: int, root: BaseException) -> DependencyError:
    """What the last of `depth` tasks fails with, each waiting for the one before, the first for "task 0 (root)"."""
    error = DependencyError([(root, "task 0 (root)")], 1, "link")
    for number in range(2, depth + 1):
        error = DependencyError([(error, f"task {number - 1} (link)")], number, "link")
    return error


def test_the_path_leads_from_the_task_to_what_first_went_wrong() -> None:
    error = chain(3, ValueError())

    assert error.path == ("task 3 (link)", "task 2 (link)", "task 1 (link)", "task 0 (root)")


def test_the_root_cause_is_what_first_went_wrong() -> None:
    root = ValueError("first")

    assert chain(3, root).root_cause is root


def test_the_root_cause_is_the_python_cause_too() -> None:
    root = ValueError("first")

    assert chain(3, root).__cause__ is root


def test_the_message_tells_the_path_and_the_root_cause() -> None:
    assert str(chain(2, ValueError("boo"))) == (
        "task 2 (link) did not run: task 2 (link) <- task 1 (link) <- task 0 (root) failed with ValueError: boo"
    )


def test_the_message_of_a_long_path_leaves_the_middle_out() -> None:
    message = str(chain(1_000, ValueError("boo")))

    assert "task 996 (link) <- ... 991 more ... <- task 4 (link)" in message


def test_the_message_says_how_many_other_dependencies_failed() -> None:
    error = DependencyError([(ValueError("a"), "task 0 (f)"), (ValueError("b"), "task 1 (f)")], 2, "g")

    assert "(and 1 more of its dependencies failed)" in str(error)


def test_of_several_failed_dependencies_the_first_tells_path_and_root_cause() -> None:
    error = DependencyError([(ValueError("a"), "task 0 (f)"), (ValueError("b"), "task 1 (f)")], 2, "g")

    assert error.path == ("task 2 (g)", "task 0 (f)")
    assert str(error.root_cause) == "a"


def test_with_no_known_cause_the_message_says_so() -> None:
    error = DependencyError([], 3)

    assert str(error) == "task 3 did not run: task 3 failed with unknown"
    assert error.root_cause is None


def test_a_join_error_says_that_the_task_could_not_be_joined() -> None:
    assert str(JoinError([(ValueError("boo"), "task 1 (f)")], 0, "fan")).startswith(
        "task 0 (fan) could not be joined: "
    )


def test_a_cancelled_dependency_is_a_root_cause_like_any_other() -> None:
    error = DependencyError([(CancelledError(), "task 0 (f)")], 1, "g")

    assert isinstance(error.root_cause, CancelledError)


def test_pickling_keeps_everything() -> None:
    error = JoinError([(chain(2, ValueError("boo")), "task 2 (link)")], 3, "fan")

    again = pickle.loads(pickle.dumps(error))

    assert type(again) is JoinError
    assert (again.task_id, again.task_name, again.path, str(again)) == (3, "fan", error.path, str(error))
    assert repr(again.root_cause) == "ValueError('boo')"


def test_copying_keeps_the_path() -> None:
    error = chain(3, ValueError("boo"))

    assert copy.deepcopy(error).path == error.path == copy.copy(error).path


def test_pickling_keeps_what_is_shared_shared() -> None:
    shared = DependencyError([(ValueError("boo"), "task 0 (f)")], 1, "g")
    error = DependencyError([(shared, "task 1 (g)"), (shared, "task 1 (g)")], 2, "h")

    (first, _), (second, _) = pickle.loads(pickle.dumps(error)).dependent_exceptions_tids

    assert first is second


def test_a_pickle_grows_with_the_errors_not_with_the_paths_through_them() -> None:
    """A ladder of 60 diamonds has 2**60 paths and 61 errors."""
    error = DependencyError([(ValueError("boo"), "task 0 (f)")], 0, "f")
    for number in range(1, 61):
        error = DependencyError([(error, "left"), (error, "right")], number, "f")

    again = pickle.loads(pickle.dumps(error))

    assert len(again.path) == 62


def building(root: BaseException) -> object:
    return chain(DEEP, root).task_id


def finding_the_root_cause(root: BaseException) -> object:
    return chain(DEEP, root).root_cause is root


def listing_the_path(root: BaseException) -> object:
    return len(chain(DEEP, root).path)


def printing(root: BaseException) -> object:
    error = chain(DEEP, root)
    return len(str(error)) < 1_000 and len(repr(error)) < 1_000


def pickling(root: BaseException) -> object:
    return len(pickle.loads(pickle.dumps(chain(DEEP, root))).path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("deed", "expected"),
    [
        (building, DEEP),
        (finding_the_root_cause, True),
        (listing_the_path, DEEP + 1),
        (printing, True),
        (pickling, DEEP + 1),
    ],
)
def test_a_path_of_20_000_needs_no_deep_stack(deed: Callable[[BaseException], object], expected: object) -> None:
    """Done on a thread with the smallest stack, where freeing the errors by recursion would crash."""
    outcome: list[object] = []

    def work() -> None:
        outcome.append(deed(ValueError("boo")))

    before = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=work)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()

    assert outcome == [expected]


@pytest.mark.parametrize(
    ("error", "kinds"),
    [
        (ConfigurationError(), (HeadraceError, ValueError)),
        (DuplicateLabelError(), (ConfigurationError,)),
        (UnknownExecutorError(), (ConfigurationError,)),
        (KernelClosedError(), (NoDataFlowKernelError, ValueError)),
        (DependencyError([], 0), (PropagatedError, HeadraceError)),
        (JoinError([], 0), (PropagatedError, HeadraceError)),
        (BashExitFailure("f", 1), (AppException, HeadraceError)),
        (MissingOutputs("f", []), (AppException, HeadraceError)),
    ],
)
def test_who_catches_a_general_kind_of_error_catches_the_special_ones(
    error: Exception, kinds: tuple[type[Exception], ...]
) -> None:
    assert all(isinstance(error, kind) for kind in kinds)


def test_a_command_s_failure_tells_its_exit_code() -> None:
    error = BashExitFailure("count", 3)

    assert (error.exitcode, str(error)) == (3, "app count: its command ended with exit code 3")


def test_a_command_ended_by_a_signal_tells_which() -> None:
    assert str(BashExitFailure("count", -9)) == "app count: its command was ended by signal 9"


def test_missing_outputs_are_named() -> None:
    error = MissingOutputs("write", ["a.txt", "b.txt"])

    assert str(error) == "app write ended without writing its declared outputs: a.txt, b.txt"


@pytest.mark.parametrize("error", [BashExitFailure("count", 3), MissingOutputs("write", ["a.txt"])])
def test_an_app_s_own_error_survives_pickling(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))

    assert (type(error), str(error)) == (type(again), str(again))
