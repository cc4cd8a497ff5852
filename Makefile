# CityLoom: `make demo` runs the main job, `make test` runs the tests, `make` lists all targets.
# PYTHON=… names the interpreter for a new .venv; without it the newest suitable one is taken.
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCKED := install --require-hashes --only-binary :all:
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-header --no-annotate $(if $(UPGRADE),--upgrade)

run_all = set -e; for script in $(1); do \
	[ -e "$$script" ] || { echo "There is no $$script." >&2; exit 1; }; $(BIN)/python "$$script"; done

.DEFAULT_GOAL := help
.PHONY: help env env-dev demo test servers check fix bench measure locales docs migration lock wheel clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

env: $(VENV)/.ready  ## Make .venv with the command .venv/bin/cityloom

env-dev: $(VENV)/.ready-dev  ## The same, with what tests and checks need

demo: env  ## Run the main job on the sample city; ARGS="…" go to `cityloom demo`
	@$(BIN)/cityloom demo $(ARGS)

test: env-dev  ## Run all tests on two processes; ARGS="tests/unit/kernel -k clock" runs some
	@$(BIN)/python -m pytest $(or $(ARGS),-n 2 --dist loadfile)

servers: env-dev  ## Start the servers that tests work against (as root it installs them); VERB=stop ends them
	@$(BIN)/python tests/servers/run.py $(or $(VERB),start) $(NAMES)

check: env-dev  ## Check style, types and the borders between rooms
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

fix: env-dev  ## Correct what ruff can correct by itself
	@$(BIN)/ruff check --fix .

bench: env-dev  ## Print the speed figures of tests/bench/bench_*.py, or of NAME, as JSON lines
	@$(call run_all,tests/bench/bench_$(or $(NAME),*).py)

measure: env-dev  ## Print the accuracy figures of tests/bench/measure_*.py, or of NAME, as JSON lines
	@$(call run_all,tests/bench/measure_$(or $(NAME),*).py)

locales: env-dev  ## Compile the message catalogs
	@$(BIN)/python scripts/compile_locales.py

docs: env-dev  ## Write the generated pages of docs/reference
	@$(BIN)/python scripts/reference.py

migration: env-dev  ## Write a migration for what changed in the tables of the store; NAME="what changed"
	@$(BIN)/python scripts/make_migration.py $(if $(NAME),--name "$(NAME)")

lock:  ## Write the locks anew from pyproject.toml (needs uv); UPGRADE=1 takes newer versions
	@$(COMPILE) --group build --output-file locks/base.txt pyproject.toml
	@$(COMPILE) --extra all --group dev --constraint locks/base.txt --output-file locks/dev.txt pyproject.toml
	@! grep -nE '://|^-' locks/*.txt || { echo "A lock names an address or an option."; exit 1; }

wheel: env  ## Build dist/cityloom-*.whl with the example city inside
	@$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/*.whl

clean:  ## Remove what was built and what tools left behind; .venv stays
	@rm -rf dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@for candidate in $(or $(PYTHON),python3.14 python3.13 python3.12 python3.11 python3); do \
	  if $$candidate -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "Making $(VENV) with $$candidate."; exec $$candidate -m venv $(VENV); \
	  fi; \
	done; \
	echo "CityLoom needs Python 3.11 or newer with its venv module, and found none." >&2; \
	echo "On Debian and Ubuntu: apt-get install python3 python3-venv. Elsewhere: make PYTHON=/path/to/python3" >&2; \
	exit 1

$(VENV)/.ready: locks/base.txt pyproject.toml | $(BIN)/python
	@echo "Installing what CityLoom needs into $(VENV) (a minute or two, once)."
	@$(PIP) $(LOCKED) --requirement locks/base.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.ready-dev: locks/dev.txt $(VENV)/.ready
	@echo "Installing what its tests and checks need into $(VENV)."
	@$(PIP) $(LOCKED) --requirement locks/dev.txt
	@touch $@
