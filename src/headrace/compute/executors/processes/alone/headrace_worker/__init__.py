"""What runs in a worker process, and what it has in common with its owner.

It imports nothing but the standard library, and `cloudpickle` and `tblib` once they are needed.
"""

from __future__ import annotations

__all__: list[str] = []
