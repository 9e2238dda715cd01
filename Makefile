# The targets and what they do: `make help`. Needs make and Python 3.11; everything else is fetched into this folder
# (.venv, .tools) and the caches of pip, uv and the engines. Nothing of your system is changed.
.DEFAULT_GOAL := help
.PHONY: help up down reset images compose-up compose-down status demo test rules lint format types lock check check-fast drills bench examples chart chart-check services pictures baseline upgrade-drill restore-drill
MAKEFLAGS += --no-print-directory

UV_VERSION := 0.13.9
PYTHON ?= python3
PRIVATE_UV := .tools/uv-$(UV_VERSION)/bin/uv
UV := $(or $(shell command -v uv 2>/dev/null),$(PRIVATE_UV))
RUN := $(UV) run

# Python keeps what it has compiled, whatever the machine's own setting: else each of the suite's processes compiles all
# that it imports again at its every start, two seconds of CPU a time.
export PYTHONDONTWRITEBYTECODE :=

# One process for what acts on the running suite, which often waits, and two for all else: as many as two cores bear.
IN_PARALLEL := -n 3

help: ## print this
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(UV) ## start the whole suite on this machine, with a demo; again is fine (ARGS=--no-demo: empty; ARGS=--replica: reports read a standby; ARGS=--cdc: Debezium as relay; ARGS=--canary: a deal is moved and timed all the while)
	@$(RUN) crm up $(ARGS)

down: $(UV) ## stop the suite, keep its data
	@$(RUN) crm down

reset: $(UV) ## stop the suite and delete its data
	@$(RUN) crm reset

status: $(UV) ## show every process of the suite
	@$(RUN) crm status

demo: $(UV) ## move a deal, merge a contact entered twice, and time the arrival of both
	@$(RUN) crm demo

images: ## build the seven images, labelled with this commit: needs docker (ARGS=inventory: what each holds; ARGS=release: two architectures, pushed)
	@env REVISION=$$(git rev-parse HEAD) CREATED=$$(git log -1 --format=%cI) SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) \
		$$(grep -s '^CRM_PYTHON_IMAGE=' .env) docker buildx bake -f docker-bake.hcl $(ARGS)

compose-up: $(UV) ## the whole suite in containers, with a gateway, an issuer for trials and the demo: needs docker
	@deploy/compose/prepare --trial-issuer
	@docker compose up --build --detach --wait --wait-timeout 600
	@$(RUN) crm demo --compose

compose-down: ## stop the containers, keep their data (docker compose down --volumes forgets it)
	@docker compose down

test: $(UV) ## run every test on engines of its own, beside a running suite too (ARGS="-k deals -x": only these)
	@$(RUN) pytest $(or $(ARGS),$(IN_PARALLEL))

rules: $(UV) ## write Prometheus' rules and Grafana's dashboards anew from deploy/observability/src
	@$(RUN) python -m crm_observability.generate

services: $(UV) ## write the lists of services anew from the registry (crm_shared/service_registry.py)
	@$(RUN) python deploy/service_lists.py

chart: $(UV) ## render the Helm chart for the examples' values anew (needs helm; chart-check builds one)
	@$(RUN) python -m deploy.helm.tests.kafka_users
	@$(RUN) python -m deploy.helm.tests.debezium_connectors
	@$(RUN) python -m deploy.helm.tests.rendering

chart-check: $(UV) ## lint, render and validate the Helm chart: builds helm and more into .tools once (needs Go)
	@UV=$(UV) deploy/helm/check

upgrade-drill: $(UV) ## upgrade a suite under load from the last release to this tree, and back: a quarter of an hour (ARGS="--from COMMIT")
	@$(RUN) python -m crm_testing.upgrade_drill $(ARGS)

baseline: $(UV) ## at a release: write down what the next one is compared with (tests/contract/baseline)
	@$(RUN) python -m crm_testing.baseline

pictures: $(UV) ## draw the BI guide's dashboard anew from the running demo
	@$(RUN) python -m crm_testing.bi_guide

lint: $(UV) ## ruff: rules and format
	@$(RUN) ruff check
	@$(RUN) ruff format --check

format: $(UV) ## let ruff rewrite what it can
	@$(RUN) ruff check --fix
	@$(RUN) ruff format

types: $(UV) ## mypy, strict
	@$(RUN) mypy libs services integrations deploy tests $(wildcard benchmarks)

lock: $(UV) ## check that uv.lock is up to date
	@$(UV) lock --check

check: lock lint types test ## exactly what CI runs

check-fast: lint types ## the loop while writing: lint, types, and the tests that need no engine
	@$(RUN) pytest -m "not engines" -n 2 $(ARGS)

examples: $(UV) ## property tests with TIMES as many examples, which are counted: make examples TIMES=100 ARGS="-k thread"
	@CRM_TEST_EXAMPLES_TIMES=$(or $(TIMES),100) $(RUN) pytest -o timeout=0 --hypothesis-show-statistics $(ARGS) \
	  $$(grep -rl --include='test_*.py' 'crm_testing.examples' libs services)

drills: $(UV) ## hurt a suite of its own in ten ways and see who is woken: 40 minutes, not part of `test`; as root (ARGS="relay kafka": only these)
	@env PYTHONPATH=tests $(RUN) python -m drills $(ARGS)

restore-drill: $(UV) ## bring a service of a suite of its own back to an earlier moment while people work; RPO, RTO, every copy compared (ARGS="--service contacts")
	@env PYTHONPATH=tests $(RUN) python -m restore_drill $(ARGS)

bench: $(UV) ## measure, each figure beside a bare reference in the same run
	@$(RUN) python -m benchmarks $(ARGS)

# Only where no uv is on PATH.
$(PRIVATE_UV):
	@PYTHON=$(PYTHON) deploy/local/fetch-uv $(UV_VERSION) $(patsubst %/bin/uv,%,$(PRIVATE_UV))
