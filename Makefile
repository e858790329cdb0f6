# Everything runs from the repository root with Python 3.11+, make and git; nothing else needs to be on the machine.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export RUNTIME__DLTHUB_TELEMETRY := false
export DBT_PROFILES_DIR := $(CURDIR)
# Some images set this; without byte code every start is two to three times slower.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-identities test-kill lint fmt bench docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready .env ## virtual environment from the hashed lock file, and a .env with a fresh CARTWIRE_SECRET
	@mkdir -p var

$(VENV)/.ready: requirements-bootstrap.lock requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "cartwire needs Python 3.11 or newer; run: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@echo "setup: installing locked packages into $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock 2> >(grep -v '^WARNING' >&2)
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode requirements.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --offline --editable .
	@$(BIN)/python -m compileall -q cartwire ingestion activation clients flows sandbox
	@touch $@

.env:
	@umask 077; $(PYTHON) -c 'import secrets; t = open(".env.example").read(); print(t.replace("CARTWIRE_SECRET=", "CARTWIRE_SECRET=" + secrets.token_hex(32), 1), end="")' > $@
	@echo "setup: wrote .env with a fresh CARTWIRE_SECRET"

demo: setup ## the whole product against the local sandbox (FULL=1: the whole year of shopping)
	@$(BIN)/cartwire demo $(if $(FULL),--full)

test: setup ## every test, three workers: on two cores one of them mostly waits
	@$(BIN)/python -m pytest -n 3 --dist loadgroup -m "not kill and not bench" $(ARGS)

test-identities: setup ## what depends on the type of Iterable project, for both types that are not hybrid (IDENTITY=email|user_id: one)
	@for identity in $(or $(IDENTITY),email user_id); do \
		$(BIN)/python -m pytest -n 2 --dist loadgroup -m "identities and not kill" --identity $$identity $(ARGS) || exit; done

test-kill: setup ## the long SIGKILL runs (SEED=n repeats one, KILLS=n, PEOPLE=n and HISTORIES=n make it longer; IDENTITY=email|user_id: at another type)
	@$(BIN)/python -m pytest -m kill $(if $(IDENTITY),--identity $(IDENTITY)) $(ARGS)

lint: setup ## ruff, mypy, import-linter, sqlfluff
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/sqlfluff lint models tests/dbt --processes 2
	@$(BIN)/sqlfluff lint activation/sql ingestion/sql --config activation/sql/.sqlfluff

fmt: setup ## format Python and SQL
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .
	@$(BIN)/sqlfluff fix models tests/dbt --processes 2
	@$(BIN)/sqlfluff fix activation/sql ingestion/sql --config activation/sql/.sqlfluff

bench: setup ## what README states about time and memory, measured again
	@$(BIN)/python -m bench $(ARGS)

docs: setup ## generated reference pages
	@$(BIN)/python -m docs.generate

clean: ## remove the environment and everything a demo made (never your ledger)
	@rm -rf $(VENV) var/demo* var/documents target logs
