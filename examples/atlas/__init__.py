"""What the standard-library atlas measures, reduces and draws: plain functions that know nothing of Headrace.

- `corpus`   which files there are and what their modules are called
- `measure`  one file: its lines, functions, classes, imports and idioms
- `summary`  many files: figures that add up, whatever the order
- `imports`  the graph of who imports whom, its knots and what would untie them
- `timeline` what the engine did, task by task
- `charts`, `findings`, `report` what of it is shown

`stdlib_atlas.py`, beside this package, makes a dataflow of them.
"""

from __future__ import annotations
