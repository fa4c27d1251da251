# Every target sets up what it needs: Python 3.11 is all that has to be there.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed
ARGS ?=
WORKERS ?= 2

$(STAMP): requirements.lock pyproject.toml
	@echo "== setting up .venv (locked versions, checked by hash)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $(STAMP)

.PHONY: setup demo dev test test-all faults lint generate migrate bench lock clean help

setup: $(STAMP) ## install everything into .venv, so that .venv/bin/corebilling is the command

demo: setup ## bill a month: usage in, invoices, ledger and webhooks out (ARGS="--keep", "--json", "--trace FILE.csv")
	@$(BIN)/corebilling demo $(ARGS)

dev: setup ## run everything here with embedded PostgreSQL and NATS until Ctrl-C (ARGS="--data DIR", "--json")
	@$(BIN)/corebilling dev $(ARGS)

test: setup ## run the tests, against real PostgreSQL and NATS (WORKERS=1 for one after the other)
	@$(BIN)/python -m pytest -m "not slow" -n $(WORKERS) --dist loadfile $(ARGS)

test-all: setup ## run the long fault and soak runs too
	@$(BIN)/python -m pytest -m "slow" $(ARGS)

faults: setup ## let everything fail for FAULT_SECONDS (600) on BUS: nats, nats-cluster, kafka or kafka-three
	@FAULT_SECONDS=$${FAULT_SECONDS:-600} $(BIN)/python -m pytest tests/faults/test_everything_fails.py -m slow -k as_long_as_you_like $(ARGS)

lint: setup ## formatting, lint, types, import contracts, drift of generated code
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python tools/generate.py --check
	@$(BIN)/python tools/documents.py --check

generate: setup ## make the query functions and the documents that come from the code again
	@$(BIN)/python tools/generate.py
	@$(BIN)/python tools/documents.py

migrate: setup ## bring the database at DATABASE_URL to the present schema
	@$(BIN)/corebilling migrate $(ARGS)

bench: setup ## measure ingest, prices, closing, ledger, payments, PDFs and the event backbone (ARGS="--only ledger")
	@$(BIN)/python -m benchmarks $(ARGS)

lock: setup ## resolve the versions again (needs uv)
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --extra embedded --group dev pyproject.toml -o requirements.lock
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  -c requirements.lock pyproject.toml -o requirements.runtime.lock
	@echo hatchling | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  -c requirements.lock - -o requirements.build.lock

clean: ## remove what the targets made
	rm -rf .venv .cache .dev dist build demo-output .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'
