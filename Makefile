# Every target sets up what it needs in .venv (see scripts/setup), asks nothing, and can be repeated.
.DEFAULT_GOAL := help
.PHONY: help setup demo check test real bench docs clean

PYTHON := .venv/bin/python
SETUP := @scripts/setup
# One more than there are cores: many tests wait for processes of their own.
PARALLEL := --numprocesses=$(shell expr $$(nproc) + 1) --maxprocesses=4 --dist=worksteal
# Kills, cuts and full disks, each tried so often that it tells something, take minutes: `make real` has them.
WITHOUT_CRASHES := --ignore=tests/integration/crashes
FEW := HEADRACE_KILLS=5 HEADRACE_DAMAGES=20
# What is tried at some places, or a few times, in `make test`, is tried at all of them, or often.
THOROUGH := HEADRACE_THOROUGH=1 HEADRACE_KILLS=200 HEADRACE_DAMAGES=300
CRASHES := tests/integration/dataflow/test_signals.py tests/integration/dataflow/test_depth.py tests/integration/journal tests/integration/crashes tests/integration/engines/test_killed.py tests/integration/experiments/test_recovery.py tests/integration/benchmarks tests/acceptance/test_demo.py

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 8

setup: ## Make .venv with what check, test, docs and demo need
	$(SETUP) dev test docs demo processes metrics tracing experiments plots

demo: ## Run an example workflow on the standard library's source, then an experiment; print where their reports are
	$(SETUP) demo processes experiments plots
	@$(PYTHON) examples/stdlib_atlas.py
	@$(PYTHON) examples/shaped_link.py

check: setup ## Lint, format, types, unit tests: under a minute
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m ruff format --check
	@$(PYTHON) -m mypy
	@$(PYTHON) -m pytest $(PARALLEL) tests/unit

test: setup ## The tests that need nothing but Python, and the examples of the documentation: under three minutes
	@$(FEW) $(PYTHON) -m pytest $(PARALLEL) $(WITHOUT_CRASHES) tests/unit tests/integration tests/acceptance

real: ## Tests against real servers, installed from Debian (as root)
	@scripts/install-real-servers
	$(SETUP) test demo real dask processes postgres experiments plots
	@$(THOROUGH) $(PYTHON) -m pytest $(PARALLEL) --timeout=600 $(CRASHES)
	@$(PYTHON) -m pytest tests/real || { status=$$?; \
	    [ $$status -ne 5 ] || echo 'make real: pytest found no test to run, and that is a failure' >&2; exit $$status; }

bench: ## Measure against Parsl, Ray, Dask and bare pools; writes docs/performance-table.md
	@VENV=.venv-bench scripts/setup processes bench experiments
	@.venv-bench/bin/python -m benchmarks

docs: ## Build the documentation into site/
	$(SETUP) docs
	@NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict --quiet
	@echo "site/index.html"

clean: ## Remove what the other targets made
	rm -rf .venv .venv-bench .venv.lock .venv-bench.lock site runinfo \
	    .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
