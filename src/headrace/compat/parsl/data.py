"""Stands for `parsl.data_provider` and its modules.

Staging is not there yet: a remote `File` that an app wants to open is an error that names it. Parsl has a module named
`zip` here, which becomes an attribute of this one, so nothing here may use that builtin.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from headrace.compat.parsl.errors import ZipAuthorityError
from headrace.compat.parsl.notices import refuse, refused_class
from headrace.data import File

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "FTPInTaskStaging",
    "FTPSeparateTaskStaging",
    "File",
    "GlobusStaging",
    "HTTPInTaskStaging",
    "HTTPSeparateTaskStaging",
    "NoOpFileStaging",
    "RSyncStaging",
    "Staging",
    "ZipAuthorityError",
    "ZipFileStaging",
    "check_storage_access",
    "default_staging",
    "refuse_remote_files",
]

_INSTEAD: Final = "files are not staged yet; use paths that every worker can open, and fetch remote files in an app"

FTPInTaskStaging = refused_class("FTPInTaskStaging", _INSTEAD)
FTPSeparateTaskStaging = refused_class("FTPSeparateTaskStaging", _INSTEAD)
GlobusStaging = refused_class("GlobusStaging", _INSTEAD)
HTTPInTaskStaging = refused_class("HTTPInTaskStaging", _INSTEAD)
HTTPSeparateTaskStaging = refused_class("HTTPSeparateTaskStaging", _INSTEAD)
RSyncStaging = refused_class("RSyncStaging", _INSTEAD)
ZipFileStaging = refused_class("ZipFileStaging", _INSTEAD)


class Staging:
    """The base class of ways to stage files. An executor takes none but `NoOpFileStaging`."""


class NoOpFileStaging(Staging):
    """Files are where their paths say: what Headrace does."""

    def __repr__(self) -> str:
        return "NoOpFileStaging()"


#: The ways to stage files that an executor has unless it is told others.
default_staging: Final[list[Staging]] = [NoOpFileStaging()]


def refuse_remote_files(app: str, args: Iterable[object], kwargs: Mapping[str, Any]) -> None:
    """Refuse a call to which Parsl would stage files, since without that its paths would lead nowhere.

    Raises:
        RefusedError: a `File` among the arguments, `inputs` or `outputs` is on another machine, and no copy is here.
    """
    lists = [files for name in ("inputs", "outputs") if isinstance(files := kwargs.get(name), list | tuple)]
    for value in chain(args, kwargs.values(), *lists):
        if isinstance(value, File) and value.is_remote and value.local_path is None:
            refuse(f"app {app!r}: staging of {value.url}", _INSTEAD)


def check_storage_access(label: str, storage_access: Iterable[object] | None) -> None:
    """Refuse an executor's ways of staging, unless they do nothing.

    Raises:
        RefusedError: one of them does something.
    """
    for one in storage_access or ():
        if not isinstance(one, NoOpFileStaging):
            refuse(f"storage_access={one!r} of executor {label!r}", _INSTEAD)
