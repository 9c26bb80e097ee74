# Two commands matter: `make run` and `make test`. Nothing but Python 3.11+, make and a package index is needed.

PYTHON ?= python3
BIN := .venv/bin
CONFIG ?= examples/quickstart.yaml
MINUTES ?= 5
CLUSTERS ?= 10000
PROCESSES ?= 2

# Tests of one file stay in one process and in their order; what compiles comes first (tests/conftest.py).
TOGETHER := --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help install run test check suite kernels fuzz policies bench clean

help:  ## Say what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "tapestry needs Python 3.11 or later, found $$($(PYTHON) --version 2>&1): make PYTHON=/path/to/python3.11 …"; exit 1; }
	@echo "==> making a virtual environment in .venv"
	@$(PYTHON) -m venv .venv || { echo "no virtual environment: on Debian, apt-get install python3-venv"; rm -rf .venv; exit 1; }

.venv/installed: pyproject.toml | .venv/bin/python
	@echo "==> installing tapestry and what it needs"
	@$(BIN)/python -m pip install --disable-pip-version-check --editable .
	@touch $@

.venv/installed-test: pyproject.toml | .venv/bin/python
	@echo "==> installing tapestry, what it needs and what its tests need"
	@$(BIN)/python -m pip install --disable-pip-version-check --editable '.[test]'
	@touch $@ .venv/installed

install: .venv/installed  ## Install into .venv

run: .venv/installed  ## Install, compile, and run two namespaces on one switch
	@exec $(BIN)/tapestry up --demo $(CONFIG)

test: .venv/installed-test check suite kernels  ## Run everything: the linters, the suite, and the kernels in three ways

check: .venv/installed-test  ## Lint, check the format and the types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

suite: .venv/installed-test  ## Run the whole test suite, in PROCESSES=2
	$(BIN)/pytest $(TOGETHER)

kernels: .venv/installed-test  ## Run the kernels' tests with bounds checks, then with the JIT off
	NUMBA_BOUNDSCHECK=1 $(BIN)/pytest $(TOGETHER) -m kernel
	NUMBA_DISABLE_JIT=1 $(BIN)/pytest $(TOGETHER) -m kernel

fuzz: .venv/installed-test  ## Fuzz the pipeline: MINUTES=5 or FRAMES=100000, SEED=1
	NUMBA_BOUNDSCHECK=1 $(BIN)/python -m tests.fuzz \
	  $(if $(FRAMES),--frames $(FRAMES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))

policies: .venv/installed-test  ## Compare random clusters' policies with their specification: CLUSTERS=10000, SEED=1
	$(BIN)/python -m tests.policy.compared --clusters $(CLUSTERS) $(if $(SEED),--seed $(SEED))

bench: .venv/installed-test  ## Measure: the kernels by pytest-benchmark, then every figure of docs/performance.md
	$(BIN)/pytest benchmarks --benchmark-only
	$(BIN)/python -m benchmarks.report

clean:  ## Remove the virtual environment and what tools left behind
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks *.egg-info
