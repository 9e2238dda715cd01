# The targets and what they do: `make help`. Needs make and Python 3.11; everything else is fetched into this folder
# (.venv, .tools) and the caches of pip, uv and the engines. Nothing of your system is changed.
.DEFAULT_GOAL := help
.PHONY: help up down reset status demo test lint format types lock check bench
MAKEFLAGS += --no-print-directory

UV_VERSION := 0.13.9
PYTHON ?= python3
PRIVATE_UV := .tools/uv-$(UV_VERSION)/bin/uv
UV := $(or $(shell command -v uv 2>/dev/null),$(PRIVATE_UV))
RUN := $(UV) run

help: ## print this
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(UV) ## start the whole suite on this machine, with a demo; again is fine (ARGS=--no-demo starts it empty)
	@$(RUN) crm up $(ARGS)

down: $(UV) ## stop the suite, keep its data
	@$(RUN) crm down

reset: $(UV) ## stop the suite and delete its data
	@$(RUN) crm reset

status: $(UV) ## show every process of the suite
	@$(RUN) crm status

demo: $(UV) ## move a deal, merge a contact entered twice, and time the arrival of both
	@$(RUN) crm demo

test: $(UV) ## run every test on engines of its own, beside a running suite too (ARGS="-k deals -x")
	@$(RUN) pytest $(ARGS)

lint: $(UV) ## ruff: rules and format
	@$(RUN) ruff check
	@$(RUN) ruff format --check

format: $(UV) ## let ruff rewrite what it can
	@$(RUN) ruff check --fix
	@$(RUN) ruff format

types: $(UV) ## mypy, strict
	@$(RUN) mypy libs services deploy tests $(wildcard benchmarks)

lock: $(UV) ## check that uv.lock is up to date
	@$(UV) lock --check

check: lock lint types test ## exactly what CI runs

bench: $(UV) ## measure, each figure beside a bare reference in the same run
	@$(RUN) python -m benchmarks $(ARGS)

# Only where no uv is on PATH.
$(PRIVATE_UV):
	@PYTHON=$(PYTHON) deploy/local/fetch-uv $(UV_VERSION) $(patsubst %/bin/uv,%,$(PRIVATE_UV))
