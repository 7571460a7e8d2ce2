"""Files, named by path or URL."""

from __future__ import annotations

import os
from urllib.parse import unquote, urlsplit

__all__ = ["File"]


# URLs without a host may leave out the two slashes that come before one.
_ROOTED = ("file:/", "zip:/")


class File(os.PathLike[str]):
    """A file somewhere, named by a path or a URL such as ``https://host/path`` or ``file:///path``.

    A `File` is a value: equal when scheme, host, path and query are equal. It says nothing of whether the file exists.
    It can be passed wherever a path can, when it is local.

    Args:
        url: a path, relative or absolute, or a URL.

    Raises:
        ValueError: `url` is empty.
        TypeError: `url` is no text and no path.
    """

    __slots__ = ("filename", "local_path", "netloc", "path", "query", "scheme", "url")

    def __init__(self, url: str | os.PathLike[str]) -> None:
        #: What it was made from, as text.
        self.url = os.fspath(url)
        if not self.url:
            msg = "a File needs a path or a URL; it was given an empty one"
            raise ValueError(msg)
        if not isinstance(self.url, str):
            raise TypeError(f"a File needs a path or a URL as text, not {url!r}")
        parts = urlsplit(self.url)
        is_url = bool(parts.scheme) and ("://" in self.url or self.url.startswith(_ROOTED))
        #: The URL's scheme; ``file`` for a plain path.
        self.scheme = parts.scheme if is_url else "file"
        self.netloc = parts.netloc if is_url else ""
        self.query = parts.query if is_url else ""
        #: The path on whatever `scheme` and `netloc` name. URL escapes are undone only for ``file`` URLs.
        self.path = (unquote(parts.path) if self.scheme == "file" else parts.path) if is_url else self.url
        self.filename = os.path.basename(self.path)  # noqa: PTH119 - the path may be a remote one, so no Path
        #: Where a copy of a remote file lies, once it has been staged in.
        self.local_path: str | None = None

    @property
    def is_remote(self) -> bool:
        """Whether it must be staged before a task can open it."""
        return self.scheme != "file"

    @property
    def filepath(self) -> str:
        """The path at which a task opens it.

        Raises:
            ValueError: it is remote and has not been staged in.
        """
        if self.local_path is not None:
            return self.local_path
        if self.is_remote:
            msg = f"{self.url} has no local path: it has not been staged in"
            raise ValueError(msg)
        return self.path

    def cleancopy(self) -> File:
        """Return the same file with nothing known of a local copy."""
        return File(self.url)

    def __fspath__(self) -> str:
        return self.filepath

    def __str__(self) -> str:
        return self.filepath if self.local_path is not None or not self.is_remote else self.url

    def __repr__(self) -> str:
        staged = f" at {self.local_path}" if self.local_path is not None else ""
        return f"<File {self.url}{staged}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, File):
            return NotImplemented
        return (self.scheme, self.netloc, self.path, self.query) == (
            other.scheme,
            other.netloc,
            other.path,
            other.query,
        )

    def __hash__(self) -> int:
        return hash((self.scheme, self.netloc, self.path, self.query))
