"""What Headrace costs, measured beside its peers.

`python -m benchmarks` runs every cell of `cells` on every backend of `backends`, each sample in a fresh process, and
writes `docs/performance-table.md` and `docs/performance-curve.svg`. Nothing here gates a test: a timing informs.

The modules, in the order of a run: `cells` (what is measured), `schedule` (in which order), `runner` (starts one
process a sample), `driver` (that process), `backends` and `measures` (what it does), `strays` (ends what it leaves
behind), `summary` (medians, ratios, growth), `targets` (what was promised, and whether it holds), `report` and `chart`
(what is written).
"""

from __future__ import annotations
