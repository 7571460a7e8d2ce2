"""A dataflow app as a resource of an experiment."""

from __future__ import annotations

import importlib
import json
import operator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, ClassVar

from headrace.core import InvalidTransition
from headrace.core.thread import Thread
from headrace.dataflow import AppFuture, python_app
from headrace.dataflow.app import App
from headrace.experiments import Attribute, Flags, ResourceManager, ResourceState
from headrace.experiments.errors import ExperimentError, InvalidAttribute, ResourceFailed, ResourceLost

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.core import Transition
    from headrace.experiments import ExperimentController

__all__ = ["PythonTask", "future_of", "python_task"]

_R = ResourceState


def python_task(ec: ExperimentController, app: Callable[..., Any], /, *args: Any, **kwargs: Any) -> int:  # noqa: ANN401 - any app's
    """Register a resource that calls an app when it is started; return its guid.

    Args:
        ec: the experiment.
        app: an app, or a function, which is made one.
        args: its arguments; futures among them are waited for, as in any call of an app.
        kwargs: its keyword arguments.

    Where a file could say what is called (a function of a module that can be imported, with arguments that JSON has),
    the resource's attributes do, and repeated runs and saved experiments have it.
    """
    if PythonTask.get_rtype() not in ec.factory.resource_types():
        ec.factory.register_type(PythonTask)
    said = _said(app, args, kwargs)
    guid = ec.register_resource(PythonTask.get_rtype(), **said)
    manager = ec.get_resource(guid)
    if not said and isinstance(manager, PythonTask):
        manager.bind(app, *args, **kwargs)
    return guid


def future_of(ec: ExperimentController, guid: int) -> Future[Any]:
    """Return a future of what a `PythonTask` returns, or raises. It is there before that has been started.

    It may be given to any app. It fails with `ResourceFailed` if the resource fails, or is released, before it has
    called its own. Of a resource that is started again, each attempt has a future; this is the last one's.

    Raises:
        UnknownResource: there is no such resource.
        ExperimentError: it is no PythonTask.
    """
    manager = ec.get_resource(guid)
    if not isinstance(manager, PythonTask):
        raise ExperimentError(f"{manager} is no PythonTask, and returns nothing; see `when` for a future of its state")
    return manager.outcome


def _checked_args(_: object, new: str | None) -> str | None:
    _json("args", new, list)
    return new


def _checked_kwargs(_: object, new: str | None) -> str | None:
    _json("kwargs", new, dict)
    return new


def _json(name: str, text: str | None, kind: type) -> Any:  # noqa: ANN401 - of that kind
    if text is None:
        return kind()
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InvalidAttribute(f"attribute {name}: {text!r} is no JSON: {error}") from error
    if not isinstance(found, kind):
        raise InvalidAttribute(f"attribute {name}: in JSON it is {_EXAMPLES[kind]}, and {text!r} is not")
    return found


_EXAMPLES: dict[type, str] = {list: "a list, as '[1, \"a\"]'", dict: "an object, as '{\"count\": 3}'"}


class PythonTask(ResourceManager):
    """A call of a dataflow app: STARTED when it has been submitted, FINISHED when its future is done.

    It is FAILED with what the app raised, and STOPPED when it was cancelled. What has begun can be cancelled only where
    its executor can do that: processes, not threads; else to stop it is a failure, and says so.

    The app is submitted to the kernel that it names, or else to the one that is loaded. Started again, it is called
    again. It does not outlive its process: a new controller finds it lost.
    """

    _rtype = "PythonTask"
    _help = "A call of a dataflow app"
    _platform = "dataflow"

    attributes: ClassVar[tuple[Attribute, ...]] = (
        Attribute("app", 'What to call, as "package.module:function"', flags=Flags.Design),
        Attribute("args", "Its arguments, a list in JSON", flags=Flags.Design, set_hook=_checked_args),
        Attribute("kwargs", "Its keyword arguments, an object in JSON", flags=Flags.Design, set_hook=_checked_kwargs),
    )

    def __init__(self, ec: ExperimentController, guid: int) -> None:
        super().__init__(ec, guid)
        self._bound: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]] | None = None
        self._task: AppFuture[Any] | None = None
        self._outcome = _Outcome()

    @property
    def outcome(self) -> Future[Any]:
        """The future of what its last attempt returns; see `future_of`."""
        return self._outcome.future

    def bind(self, app: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - any app's
        """Say in code what to call, where its attributes do not. Raises ExperimentError if they do."""
        if self.get("app"):
            raise ExperimentError(f"{self}: its attribute app says what to call: {self.get('app')}; set that instead")
        self._bound = (app, args, kwargs)

    # --- hooks --------------------------------------------------------------------------------------------------------

    def do_provision(self) -> None:
        """See that there is something to call."""
        self._called()

    def do_start(self) -> None:
        """Submit the call."""
        app, args, kwargs = self._called()
        self.remember(started=True)
        if self._outcome.future.done():
            self._outcome = _Outcome()
        task = self._task = app(*args, **kwargs)
        # First, so that it is never seen to end before it began.
        self.set_started()
        task.add_done_callback(self._ended)

    def do_stop(self) -> None:
        """Cancel it.

        Raises:
            ExperimentError: its executor cannot; the call goes on.
        """
        refusal = self._refused_end()
        if refusal is not None:
            raise ExperimentError(f"{self} cannot be stopped: {refusal}")

    def do_fail(self) -> None:
        """Cancel it, if that can be done."""
        self._end_if_possible()

    def do_release(self) -> None:
        """Cancel it, if that can be done; else it goes on by itself."""
        self._end_if_possible()

    def do_recover(self) -> ResourceState:
        """Say whether it had been started: then it is gone with the process that it ran for. Raises ResourceLost."""
        if self.facts.get("started"):
            raise ResourceLost(f"{self}: its call ended with the process that made it; what it had done is unknown")
        return _R.READY

    def note_move(self, told: Transition) -> None:
        """Tell whoever waits for the result that there will be none, if so."""
        super().note_move(told)
        if self.state in {_R.FAILED, _R.RELEASED} and (self._task is None or self._task.done()):
            outcome = self._outcome
            if outcome.claim():
                cause = self.cause or "it was released before it was started"
                error = ResourceFailed(self, cause, "a wait for its result")
                # On a thread of its own: callbacks are other people's code, and this is the experiment's mailbox.
                Thread(target=outcome.fail, args=(error,), name=f"result of {self}").start()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _called(self) -> tuple[App[..., Any], tuple[Any, ...], dict[str, Any]]:
        """Return the app and its arguments."""
        if self._bound is not None and not self.get("app"):
            app, args, kwargs = self._bound
        else:
            app = self._imported()
            args = tuple(_json("args", self.get("args"), list))
            kwargs = _json("kwargs", self.get("kwargs"), dict)
        return (app if isinstance(app, App) else python_app(app)), args, kwargs

    def _imported(self) -> Callable[..., Any]:
        name = self.get("app")
        if not name:
            raise ExperimentError(
                f'{self}: it is not told what to call; set app to "package.module:function", or make it by '
                "bridges.python_task. What was given in code, and could not be put into attributes, repeated runs do "
                "not have: give it again, by `bind`, in `prepare`"
            )
        module, _, path = name.partition(":")
        try:
            app: Callable[..., Any] = operator.attrgetter(path)(importlib.import_module(module))
        except Exception as error:
            raise ExperimentError(
                f"{self}: app {name!r} cannot be imported: {type(error).__name__}: {error}"
            ) from error
        if not callable(app):
            raise ExperimentError(f"{self}: app {name!r} is {app!r}, which cannot be called")
        return app

    def _ended(self, task: Future[Any]) -> None:
        """On a thread of the dataflow's."""
        outcome = self._outcome
        mine = task is self._task and outcome.claim()
        try:
            if task is not self._task:
                return
            if task.cancelled():
                self.set_stopped()
            elif (error := task.exception()) is not None:
                self.fail(error)
            else:
                self.set_finished()
        except InvalidTransition as error:
            # It was failed, or released, for another reason.
            self.debug(f"its call has ended: {error}")
        finally:
            if mine:
                outcome.copy(task)

    def _refused_end(self) -> str | None:
        """Cancel the call; return why that cannot be done."""
        task = self._task
        if task is None or task.done() or task.cancel() or task.done():
            return None
        return task.cancel_refusal or "its executor cannot end what has begun"

    def _end_if_possible(self) -> None:
        refusal = self._refused_end()
        if refusal is not None:
            self.warning(f"its call goes on: {refusal}")


class _Outcome:
    """A future that is settled once, by whoever claims it."""

    def __init__(self) -> None:
        self.future: Future[Any] = Future()
        self._claims: list[None] = [None]

    def claim(self) -> bool:
        try:
            self._claims.pop()
        except IndexError:
            return False
        return True

    def fail(self, error: BaseException) -> None:
        if self.future.set_running_or_notify_cancel():
            self.future.set_exception(error)

    def copy(self, task: Future[Any]) -> None:
        if task.cancelled():
            self.future.cancel()
            self.future.set_running_or_notify_cancel()
        elif self.future.set_running_or_notify_cancel():
            error = task.exception()
            if error is not None:
                self.future.set_exception(error)
            else:
                self.future.set_result(task.result())


def _said(app: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return what attributes would say of a call; nothing if they cannot."""
    module, name = getattr(app, "__module__", None), getattr(app, "__qualname__", None)
    try:
        if not module or not name or operator.attrgetter(name)(importlib.import_module(module)) is not app:
            return {}
        texts = json.dumps(list(args), allow_nan=False), json.dumps(kwargs, allow_nan=False)
    except (ImportError, AttributeError, TypeError, ValueError):
        return {}
    again = (json.loads(texts[0]), json.loads(texts[1]))
    if module == "__main__" or repr(again) != repr((list(args), kwargs)):
        return {}
    return {"app": f"{module}:{name}", "args": texts[0], "kwargs": texts[1]}
