"""Where `pickle` alone is right."""

from __future__ import annotations

import pickle
import sys

__all__ = ["PROTOCOL", "plain"]

PROTOCOL = 5

_MAIN = b"__main__"


def plain(value: object) -> bytes | None:
    """Return what `pickle` makes of a value, if that is sure to be what `cloudpickle` would mean by it; else None.

    What belongs to ``__main__`` must go by value, since that is another module in another process; so must what belongs
    to a module for which that was asked.
    """
    try:
        data = pickle.dumps(value, PROTOCOL)
    except Exception:  # noqa: BLE001 - cloudpickle says what is wrong, if anything is
        return None
    # The name of the module of each function and class is in the pickle as it is written here.
    if _MAIN in data:
        return None
    cloudpickle = sys.modules.get("cloudpickle")
    return None if cloudpickle is not None and cloudpickle.list_registry_pickle_by_value() else data
