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

demo: $(UV) ## move a deal and time its arrival in timeline, search and report
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
	@$(RUN) mypy conftest.py libs services deploy tests $(wildcard benchmarks)

lock: $(UV) ## check that uv.lock is up to date
	@$(UV) lock --check

check: lock lint types test ## exactly what CI runs

bench: $(UV) ## measure, each figure beside a bare reference in the same run
	@$(RUN) python -m benchmarks $(ARGS)

# Only where no uv is on PATH. Debian's Python comes without pip; its venv module brings one when python3-venv is there.
$(PRIVATE_UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: needs Python 3.11 or newer as $(PYTHON) (or set PYTHON=...), or uv on PATH" >&2; exit 1; }
	@echo "fetching uv $(UV_VERSION) into .tools"
	@rm -rf .tools/uv-$(UV_VERSION) .tools/.new && mkdir -p .tools
	@{ $(PYTHON) -m venv .tools/.new >/dev/null 2>&1 && .tools/.new/bin/python -m pip install -q --disable-pip-version-check uv==$(UV_VERSION); } || \
	  { rm -rf .tools/.new; $(PYTHON) -m pip --version >/dev/null 2>&1 && $(PYTHON) -m pip install -q --disable-pip-version-check --no-warn-script-location --target .tools/.new uv==$(UV_VERSION); } || \
	  { rm -rf .tools/.new; echo "make: could not install uv. On Debian: apt-get install python3-venv; or install uv yourself and put it on PATH" >&2; exit 1; }
	@mv .tools/.new .tools/uv-$(UV_VERSION)
