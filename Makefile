# Every target sets up what it needs in .venv (see scripts/setup), asks nothing, and can be repeated.
.DEFAULT_GOAL := help
.PHONY: help setup demo check test real bench docs clean

PYTHON := .venv/bin/python
SETUP := @scripts/setup

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 8

setup: ## Make .venv with what check, test, docs and demo need
	$(SETUP) dev test docs demo processes

demo: ## Run the example workflow on the standard library's source, and print where its report is
	$(SETUP) demo processes
	@$(PYTHON) examples/stdlib_atlas.py

check: setup ## Lint, format, types, unit tests: under a minute
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m ruff format --check
	@$(PYTHON) -m mypy
	@$(PYTHON) -m pytest tests/unit

test: setup ## Every test that needs nothing but Python, and the examples of the documentation: under three minutes
	@$(PYTHON) -m pytest tests/unit tests/integration tests/acceptance

real: ## Tests against real servers, installed from Debian (as root)
	@scripts/install-real-servers
	$(SETUP) test demo real dask processes postgres
	@$(PYTHON) -m pytest tests/real || { status=$$?; \
	    [ $$status -ne 5 ] || echo 'make real: pytest found no test to run, and that is a failure' >&2; exit $$status; }

bench: ## Measure against Parsl, Ray, Dask and bare pools; writes docs/performance-table.md
	@VENV=.venv-bench scripts/setup processes bench
	@.venv-bench/bin/python -m benchmarks

docs: ## Build the documentation into site/
	$(SETUP) docs
	@NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict --quiet
	@echo "site/index.html"

clean: ## Remove what the other targets made
	rm -rf .venv .venv-bench .venv.lock .venv-bench.lock site runinfo \
	    .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
