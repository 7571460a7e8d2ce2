"""Write the keys that Parsl gives to `CALLS`. Run by a Python that has Parsl, in the project's folder.

::

    cd tests/unit/compat/parsl_wrote && PYTHONPATH=../../../.. PYTHON_WITH_PARSL write_keys.py > keys.json
"""

from __future__ import annotations

import json
import sys
import tempfile
from typing import Any

import parsl
from parsl.dataflow import memoization
from tests.unit.compat.parsl_wrote.calls import CALLS, say_what_points_are


def _leave_outputs(*given: Any) -> object:  # noqa: ANN401 - the method's own
    *_, future, func = given
    future._outputs = []
    return func


def main() -> None:
    """Have Parsl make all the calls, and watch which keys it makes of them."""
    seen: list[str] = []
    make_hash = memoization.make_hash

    def watched(task: object) -> str:
        seen.append(make_hash(task))
        return seen[-1]

    memoization.make_hash = watched
    say_what_points_are(memoization.id_for_memo)
    keys = {}
    with tempfile.TemporaryDirectory() as folder, parsl.load(parsl.Config(run_dir=folder)) as kernel:
        # It takes Files only, of which it can make no key.
        kernel._add_output_deps = _leave_outputs
        for name, call in CALLS.items():
            decorate = parsl.bash_app if call.bash else parsl.python_app
            app = decorate(cache=True, ignore_for_cache=list(call.ignore))(call.func)
            raised = app(*call.args, **call.kwargs).exception()
            if not seen:
                sys.exit(f"{name}: {raised!r}")
            keys[name] = seen.pop()
    json.dump(keys, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
