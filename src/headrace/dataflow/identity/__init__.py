"""What makes two calls of an app equal: the same code, given values that cannot be told apart.

A value becomes a *token*: bytes that say what type it is, how long it is, and what it is. No token is the beginning of
another, so a row of tokens can be read in one way only, and ``["a", "bc"]`` is not ``["ab", "c"]``. What is long is
replaced by its BLAKE2b digest. Nothing depends on the order of sets and dicts, on addresses in memory or on Python's
hashes, so the same value has the same token in every process.

Values that Python calls equal but that a function can tell apart have different tokens: ``1``, ``1.0`` and ``True``;
``0.0`` and ``-0.0``; ``Decimal("1.0")`` and ``Decimal("1.00")``; one instant in two time zones. Only the order of a
dict is left out, since few mean it. Where in doubt, two values differ: a call that runs again costs time, a wrong
answer costs more.

`token` makes tokens, `walk` goes down containers; `plain`, `functions`, `files` and `arrays` know types; `call` puts a
call's arguments together.
"""

from __future__ import annotations

from headrace.dataflow.identity import arrays, files, plain  # noqa: F401 - they tell id_for_memo of their types
from headrace.dataflow.identity.call import key_of_call
from headrace.dataflow.identity.functions import function_id
from headrace.dataflow.identity.token import MemoKeyError
from headrace.dataflow.identity.walk import id_for_memo

__all__ = ["MemoKeyError", "function_id", "id_for_memo", "key_of_call"]
