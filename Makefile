# Two commands do all the set-up on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet
# One thread per process: small models run fastest so, and so do several processes side by side.
export OMP_NUM_THREADS ?= 1
WORKERS ?= auto
TRIALS ?= 0

.PHONY: demo test test-fast check docs fuzz kills compare benchmark reproduce-paper clean help

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: $(VENV)/.installed  ## train with controller=joint and controller=evidence on real digits, compare
	@$(BIN)/python scripts/demo.py

test: $(VENV)/.installed-dev  ## run the whole test suite; five to nine minutes on two cores
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal

test-fast: $(VENV)/.installed-dev  ## run the quick tests, about a minute on two cores
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not slow"

fuzz: $(VENV)/.installed-dev  ## damage traces, configurations, tables, arrays and lists 2,000 times
	@FUZZ_CHANGES=2000 $(BIN)/pytest -q tests/attacks/test_fuzz.py

kills: $(VENV)/.installed-dev  ## kill trainings, sweeps, preparations and exports a hundred times
	@KILLS=100 $(BIN)/pytest -q tests/attacks/test_kills.py

check: $(VENV)/.installed-dev  ## ruff, mypy, import-linter, deptry, vulture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/vulture

docs: $(VENV)/.installed-docs  ## the documentation as a site with a search, in site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict -f scripts/site/mkdocs.yml
	@echo "open site/index.html"

benchmark: $(VENV)/.installed-dev  ## solver, estimates, probes, diagnosis and loading against peers; minutes; RESULTS.md each
	$(BIN)/python -m benchmarks.pid
	$(BIN)/python -m benchmarks.diagnosis
	$(BIN)/python -m benchmarks.estimation
	$(BIN)/python -m benchmarks.loading

compare: $(VENV)/.installed-dev  ## every method on five seeds, one honest table; TRIALS=20: each tuned first; resumable
	@$(BIN)/python -m scripts.studies.compare_methods --trials $(TRIALS)

reproduce-paper: $(VENV)/.installed-dev  ## every claim that can be checked, in one report; resumable
	@$(BIN)/python -m scripts.studies.reproduce

clean:  ## remove the environment, the site and caches, keep outputs
	rm -rf $(VENV) site build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	@echo "creating $(VENV) …"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing fusion-sched and what it needs (about a minute) …"
	@$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-docs: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing fusion-sched with what its documentation needs (about a minute) …"
	@$(PIP) install -c constraints.txt -e ".[docs]"
	@touch $(VENV)/.installed $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing fusion-sched with what its tests need (about two minutes) …"
	@$(PIP) install -c constraints.txt -e ".[dev,oracles,media,pretrained,distributed,tensorboard,docs]"
	@touch $(VENV)/.installed $(VENV)/.installed-docs $@
