"""What can go wrong in an experiment.

::

    HeadraceError
     └── ExperimentError
          ├── UnknownName (also LookupError)      something was named that is not there; the message says what is
          │    ├── UnknownResource                a guid that no resource has
          │    ├── UnknownType                    a resource type that nobody registered
          │    ├── UnknownAttribute               an attribute that the resource's type does not declare
          │    ├── UnknownTrace                   a trace that the resource's type does not declare
          │    ├── UnknownState                   no state, or no action, of that name
          │    └── UnknownTask                    a scheduled task that was not tracked, or never made
          ├── InvalidAttribute (also ValueError)  a value that the attribute's declaration does not allow
          │    ├── ReadOnlyAttribute              it may not be set, or not any more
          │    └── WriteOnlyAttribute             it may not be read
          ├── InvalidTime (also ValueError)       no time span and no date, or a negative one
          ├── InvalidCondition (also ValueError)  a condition that says nothing that could be waited for
          ├── DuplicateResource (also ValueError) a guid that another resource has
          ├── DuplicateType (also ValueError)     a resource type's name that another class has
          ├── PluginError                         resource types that could not be imported, or are none
          ├── ConnectionRefused                   two resources that may not be connected
          ├── InvalidAction                       a resource was asked for what its state does not allow
          ├── ResourceFailed                      a resource went wrong
          ├── ResourceLost                        a resource that a new controller cannot find again
          ├── ExperimentClosed                    the controller has been shut down
          ├── ExperimentAborted                   the experiment was given up, by its failure policy or its user
          ├── DescriptionError (also ValueError)  a saved experiment that cannot be read, or not be saved
          ├── TraceError                          a trace could not be read from where it is
          └── MissingExtra (also ImportError)     an optional package is not installed
"""

from __future__ import annotations

import difflib
from itertools import islice
from typing import TYPE_CHECKING, ClassVar

from headrace.core import HeadraceError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "ConnectionRefused",
    "DescriptionError",
    "DuplicateResource",
    "DuplicateType",
    "ExperimentAborted",
    "ExperimentClosed",
    "ExperimentError",
    "InvalidAction",
    "InvalidAttribute",
    "InvalidCondition",
    "InvalidTime",
    "MissingExtra",
    "PluginError",
    "ReadOnlyAttribute",
    "ResourceFailed",
    "ResourceLost",
    "TraceError",
    "UnknownAttribute",
    "UnknownName",
    "UnknownResource",
    "UnknownState",
    "UnknownTask",
    "UnknownTrace",
    "UnknownType",
    "WriteOnlyAttribute",
]

# How many of the names that exist a message lists.
_LISTED = 20


class ExperimentError(HeadraceError):
    """The base of what goes wrong in an experiment."""


class UnknownName(ExperimentError, LookupError):
    """Something was named that is not there.

    Args:
        name: what was asked for.
        known: what exists there; the message lists it, or its beginning, and names what is spelt nearly alike.
        place: whose these are, as "resource 3 (linux::Node)"; "" where that goes without saying.
    """

    #: What was asked for, as a message calls it.
    _what: ClassVar[str] = "thing"

    def __init__(self, name: object, known: Iterable[object] = (), place: str = "") -> None:
        self.name = name
        self.known = tuple(known)
        self.place = place
        super().__init__(name, self.known, place)

    def __str__(self) -> str:
        of = f"{self.place} has no {self._what}" if self.place else f"there is no {self._what}"
        return f"{of} {_shown(self.name)}{self._near()}; {self._existing()}"

    def _near(self) -> str:
        if not isinstance(self.name, str):
            return ""
        names = {one.casefold(): one for one in self.known if isinstance(one, str)}
        near = [names[one] for one in difflib.get_close_matches(self.name.casefold(), names)]
        return f" (did you mean {' or '.join(near)}?)" if near else ""

    def _existing(self) -> str:
        if not self.known:
            return "none exist"
        left_out = len(self.known) - _LISTED
        listed = ", ".join(_shown(one) for one in islice(self.known, _LISTED))
        more = f" and {left_out} more" if left_out > 0 else ""
        return f"what exists: {listed}{more}"


class UnknownResource(UnknownName):
    """No resource has this guid, or it has been removed."""

    _what = "resource"


class UnknownType(UnknownName):
    """Nobody registered this resource type, and no plug-in that could be imported brings it.

    Args:
        name: what was asked for.
        known: the resource types that exist.
        place: whose these are, "" where that goes without saying.
        problems: what went wrong with the plug-ins that could not be imported. The type may be one of theirs.
    """

    _what = "resource type"

    def __init__(
        self, name: object, known: Iterable[object] = (), place: str = "", problems: Iterable[str] = ()
    ) -> None:
        super().__init__(name, known, place)
        self.problems = tuple(problems)
        self.args = (*self.args, self.problems)

    def __str__(self) -> str:
        beside = f"; plug-ins that could not be imported: {'; '.join(self.problems)}" if self.problems else ""
        return super().__str__() + beside


class UnknownAttribute(UnknownName):
    """The resource's type declares no attribute of this name."""

    _what = "attribute"


class UnknownTrace(UnknownName):
    """The resource's type declares no trace of this name."""

    _what = "trace"


class UnknownState(UnknownName):
    """No state, or no action, has this name."""

    _what = "state or action"


class UnknownTask(UnknownName):
    """No task that is tracked has this id."""

    _what = "tracked task"


class InvalidAttribute(ExperimentError, ValueError):
    """An attribute was given a value that its declaration does not allow."""


class ReadOnlyAttribute(InvalidAttribute):
    """The attribute may not be set: never, or not from here on."""


class WriteOnlyAttribute(InvalidAttribute):
    """The attribute may not be read."""


class InvalidTime(ExperimentError, ValueError):
    """What was given says no time: neither a span, as "2m30s", nor a date; or it is a negative one."""


class InvalidCondition(ExperimentError, ValueError):
    """A condition is made of what cannot be waited for: nobody, no state, a resource's own end."""


class DuplicateResource(ExperimentError, ValueError):
    """A resource was to be registered under a guid that another one has."""

    def __init__(self, guid: object, rtype: str = "") -> None:
        super().__init__(guid, rtype)
        self.guid = guid
        self.rtype = rtype

    def __str__(self) -> str:
        whose = f" (a {self.rtype})" if self.rtype else ""
        return f"guid {self.guid} belongs to another resource{whose}; leave guid out to be given a free one"


class DuplicateType(ExperimentError, ValueError):
    """A class was to be registered under a resource type's name that another class has."""


class PluginError(ExperimentError):
    """Resource types could not be imported, or what was imported is none."""


class ConnectionRefused(ExperimentError):
    """Two resources may not be connected, or connecting them failed. Neither has the other among its connections.

    Args:
        one: the resource that was to be connected.
        other: what to.
        why: whose objection it is, and what it is.
    """

    def __init__(self, one: object, other: object, why: str) -> None:
        super().__init__(str(one), str(other), why)
        self.one = str(one)
        self.other = str(other)
        self.why = why

    def __str__(self) -> str:
        return f"{self.one} cannot be connected to {self.other}: {self.why}"


class InvalidAction(ExperimentError):
    """A resource was asked for what its state does not allow.

    Args:
        resource: which one, as "linux::Node 3".
        action: what was asked for, as "be started".
        state: where it is.
        remedy: what to do first; "" where nothing helps.
    """

    def __init__(self, resource: object, action: str, state: object, remedy: str = "") -> None:
        super().__init__(str(resource), action, str(state), remedy)

    def __str__(self) -> str:
        resource, action, state, remedy = self.args
        return f"{resource} cannot {action} while it is {state}" + (f": {remedy}" if remedy else "")


class ResourceFailed(ExperimentError):
    """A resource went wrong.

    Args:
        resource: which one, as "linux::Node 3".
        cause: what went wrong; an exception is the ``__cause__`` as well. None where nothing is known of it.
        doing: what it was about; "" where that goes without saying.
    """

    def __init__(self, resource: object, cause: BaseException | str | None = None, doing: str = "") -> None:
        told = f"{type(cause).__name__}: {cause}" if isinstance(cause, BaseException) else cause or "nobody said why"
        super().__init__(str(resource), told, doing)
        if isinstance(cause, BaseException):
            self.__cause__ = cause

    def __str__(self) -> str:
        resource, told, doing = self.args
        return f"{resource} failed{f' in {doing}' if doing else ''}: {told}"


class ResourceLost(ExperimentError):
    """A new controller cannot find a resource of the old one's again. Whether it still runs is unknown."""


class ExperimentClosed(ExperimentError):
    """The controller has been shut down, and takes no more requests."""


class ExperimentAborted(ExperimentError):
    """The experiment was given up: a critical resource failed, or its user said so."""


class DescriptionError(ExperimentError, ValueError):
    """A description of an experiment cannot be read, or an experiment not be described."""


class TraceError(ExperimentError):
    """A trace could not be read from where it is. It may be there, and may hold something."""


class MissingExtra(ExperimentError, ImportError):
    """An optional package is not installed.

    Args:
        package: what could not be imported.
        extra: the extra of headrace that brings it.
        purpose: what it was wanted for, as "plots".
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        # ImportError keeps its own arguments; these are what pickling calls the class with.
        super().__init__(package, extra, purpose)
        self.package = package
        self.extra = extra
        self.purpose = purpose

    def __str__(self) -> str:
        return f"{self.purpose} need the package {self.package}: pip install 'headrace[{self.extra}]'"


def _shown(name: object) -> str:
    """Put a name as its reader would write it: a plain word plain, other text quoted (also "3", which is no 3)."""
    text = str(name)
    plain = text.isprintable() and " " not in text and not (isinstance(name, str) and (not text or text.isdigit()))
    return text if plain else repr(text)
