# CityLoom: `make demo` runs the main job, `make test` runs the tests. `make` lists all targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready-dev

.DEFAULT_GOAL := help
.PHONY: help env env-dev demo test check bench measure lock clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

