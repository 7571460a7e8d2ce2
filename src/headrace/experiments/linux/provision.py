"""Putting on a host what an application needs: files from here or from the web, packages."""

from __future__ import annotations

import asyncio
import posixpath
import shlex
import shutil
import urllib.request
import uuid
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urldefrag, urlsplit

from headrace.experiments.hosts.errors import HostError
from headrace.experiments.hosts.values import tail
from headrace.experiments.linux.errors import ProvisionFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headrace.experiments.hosts import Completed, Host

__all__ = ["deliver", "install_packages", "items", "missing_programs", "variables"]

#: What `_DOWNLOAD` ends with when the host has no program to fetch with.
_NO_PROGRAM = 9
# Arguments: the address, the file, its checksum or nothing, seconds, a name for the file while it is on its way.
_DOWNLOAD = r"""
url=$1 file=$2 checksum=$3 seconds=$4 new=$5
sum() { sha256sum <"$1" | cut -d ' ' -f 1; }
if [ -n "$checksum" ] && [ -f "$file" ] && [ "$(sum "$file")" = "$checksum" ]; then exit 0; fi
if command -v curl >/dev/null; then
    curl -fsSL --connect-timeout 30 --max-time "$seconds" -o "$new" -- "$url" || { rm -f -- "$new"; exit 1; }
elif command -v wget >/dev/null; then
    wget -nv -T 30 -t 2 -O "$new" -- "$url" || { rm -f -- "$new"; exit 1; }
else
    exit 9
fi
if [ -n "$checksum" ] && [ "$(sum "$new")" != "$checksum" ]; then
    echo "its SHA-256 is $(sum "$new"), and should be $checksum" >&2
    rm -f -- "$new"
    exit 1
fi
mv -f -- "$new" "$file"
"""

# Arguments: packages. It is run as root; it asks nothing.
_INSTALL = r"""
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
missing=
if command -v apt-get >/dev/null; then
    for each; do
        [ "$(dpkg-query --show --showformat '${db:Status-Status}' "$each" 2>/dev/null)" = installed ] ||
            missing="$missing $each"
    done
    [ -n "$missing" ] || exit 0
    get() { apt-get install --yes --quiet --no-install-recommends -o DPkg::Lock::Timeout=300 $missing; }
    get || { apt-get update --quiet && get; }
elif command -v dnf >/dev/null || command -v yum >/dev/null; then
    for each; do rpm -q --quiet "$each" || missing="$missing $each"; done
    [ -n "$missing" ] || exit 0
    if command -v dnf >/dev/null; then dnf install -y $missing; else yum install -y $missing; fi
else
    echo "none of apt-get, dnf, yum is there" >&2
    exit 1
fi
"""


def items(text: str | None) -> list[str]:
    """Return the members of a list in a text: separated by spaces, newlines or semicolons; quotes keep them together.

    Raises:
        ValueError: a quote is not closed.
    """
    return [word for part in (text or "").split(";") for word in shlex.split(part)]


def variables(text: str | None) -> dict[str, str]:
    """Return the variables of an environment in a text: ``A=1 B="two words"``.

    Raises:
        ValueError: a member is no variable.
    """
    found = {}
    for word in items(text):
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier() or not name.isascii():
            raise ValueError(f'{word!r} sets no variable; write NAME=value, and NAME="two words"')
        found[name] = value
    return found


async def deliver(host: Host, wanted: Sequence[str], folder: str, here: Path, timeout: float) -> list[str]:  # noqa: ASYNC109 - of each download
    """Put files into a folder of a host, under their own names; return their paths there.

    Args:
        host: where to.
        wanted: each a path here, or an address (http, https) that the host fetches itself; it is fetched here where the
            host has neither curl nor wget. ``#sha256=…`` at an address's end is what its content must have.
        folder: the folder there.
        here: a folder for what is fetched here.
        timeout: seconds that each download may take.

    Raises:
        ProvisionFailed: one of them is not there, or is another.
        HostError: as the host does.
    """
    paths = []
    for each in wanted:
        if each.startswith(("http://", "https://")):
            paths.append(await _download(host, each, folder, here, timeout))
            continue
        local = _local(each)
        if local is None:
            raise ProvisionFailed(f"there is no {each} here that could be put on {host.name}")
        path = posixpath.join(folder, local.name)
        await host.put(local, path)
        paths.append(path)
    return paths


def _local(path: str) -> Path | None:
    local = Path(path).expanduser().absolute()
    return local if local.exists() else None


async def _download(host: Host, address: str, folder: str, here: Path, timeout: float) -> str:  # noqa: ASYNC109 - of the download
    url, fragment = urldefrag(address)
    checksum = fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else ""
    name = unquote(posixpath.basename(urlsplit(url).path))
    if name in {"", ".", ".."} or "/" in name:
        raise ProvisionFailed(f"{address} ends with no name that a file could have")
    path = posixpath.join(folder, name)
    await host.make_directory(folder)
    new = posixpath.join(folder, f".headrace-{uuid.uuid4().hex}")
    words = ["sh", "-c", _DOWNLOAD, "sh", url, path, checksum, str(int(timeout)), new]
    done = await host.run(words, timeout=timeout + 10)
    if done.exit_code == _NO_PROGRAM:
        local = here / name
        try:
            await asyncio.to_thread(_fetch, url, local, timeout)
        except OSError as error:
            raise ProvisionFailed(
                f"{address} cannot be fetched here, and {host.name} has no curl or wget: {error}"
            ) from error
        await host.put(local, path)
    elif not done.ok:
        raise ProvisionFailed(f"{address} cannot be fetched on {host.name}: {tail(done.stderr) or done.how}")
    return path


def _fetch(url: str, path: Path, timeout: float) -> None:
    with urllib.request.urlopen(url, timeout=timeout) as source, path.open("wb") as target:  # noqa: S310 - http or https
        shutil.copyfileobj(source, target)


async def install_packages(host: Host, packages: Sequence[str], timeout: float) -> Completed:  # noqa: ASYNC109 - of apt
    """Install the packages that are missing, by the host's own package manager, as root; return what it said.

    Raises:
        ProvisionFailed: it could not.
        SudoRefused: root's rights cannot be had.
    """
    done = await host.run(["sh", "-c", _INSTALL, "sh", *packages], sudo=True, timeout=timeout)
    if not done.ok:
        said = tail(done.stderr) or tail(done.stdout) or done.how
        raise ProvisionFailed(f"{', '.join(packages)} cannot be installed on {host.name}: {said}")
    return done


async def missing_programs(host: Host, programs: Mapping[str, str]) -> dict[str, str]:
    """Return which programs are not on a host, with the packages that have them."""
    if not programs:
        return {}
    text = 'PATH=$PATH:/usr/sbin:/sbin; for each; do command -v "$each" >/dev/null || echo "$each"; done'
    done = await host.run(["sh", "-c", text, "sh", *programs])
    if not done.ok:
        raise HostError(host.name, f"looking for programs {done.how}")
    return {each: programs[each] for each in done.out.split()}
