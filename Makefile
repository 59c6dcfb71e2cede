# Two commands are enough on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Byte code is kept beside the sources: without it every start compiles them again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test torture check bench node ui screenshot clean
help:  ## what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "etlmon needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "no virtual environment could be made; on Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --editable '.[all]' --group dev
	@touch $@

demo: $(READY)  ## this host as a node with generated ETL activity, the terminal UI on top
	@$(BIN)/etlmon demo

test: $(READY)  ## all tests
	@$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

torture: $(READY)  ## a node killed 200 times while a log grows: every line once? 1,000 kills while pids change hands: no wrong one?
	@$(BIN)/python -m tests.torture.kills $(ARGS)
	@$(BIN)/python -m tests.torture.killing $(ARGS)

check: $(READY)  ## format, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(READY)  ## every figure beside its budget and its peer; ARGS="P4 P6" for some
	@$(BIN)/python -m bench $(ARGS)

node: $(READY)  ## a node on this host (with node.yaml when there is one)
	@$(BIN)/etlmon node $(if $(wildcard node.yaml),-c node.yaml)

ui: $(READY)  ## the terminal UI (with ui.yaml when there is one)
	@$(BIN)/etlmon ui $(if $(wildcard ui.yaml),-c ui.yaml)

screenshot: $(READY)  ## the pictures in README, taken from the running demo (needs chromium)
	@TERM=xterm-256color COLORTERM=truecolor $(BIN)/python docs/screenshot.py

clean:  ## remove the environment and all caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
