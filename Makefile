# closedloop: every chore in one place. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
CLOSEDLOOP := .venv/bin/closedloop
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help setup demo up down reset test check format bench prove-kill prove-loop prove-models lock dictionary docs schemas sbom notice advisories

##@ To look at it
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
setup: ## make .venv and fetch the JARs, from lock files with hashes
	@.ci/setup
demo: setup ## the whole loop for three nights under a real Airflow, on generated data
	@$(CLOSEDLOOP) demo
up: setup ## start Airflow, MLflow and the Data Docs on 127.0.0.1
	@$(CLOSEDLOOP) up
down: ## stop exactly what `make up` or `make demo` started
	@if [ -x $(CLOSEDLOOP) ]; then $(CLOSEDLOOP) down; fi
reset: ## say what the home holds, ask, and forget it (the set-up stays; YES=1 does not ask)
	@if [ -x $(CLOSEDLOOP) ]; then $(CLOSEDLOOP) reset $(if $(YES),--yes); else echo "  nothing was set up here, nothing to forget"; fi

##@ To work on it
test: setup ## all tests, on two processes
	@$(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder
check: setup ## lint, format, types, the shape of the queries
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy conf jobs models expectations simulator supply dags \
	  && .venv/bin/sqlfluff lint --disable-progress-bar sql
format: setup ## format the code and the queries
	@.venv/bin/ruff check --fix . && .venv/bin/ruff format . && .venv/bin/sqlfluff fix --disable-progress-bar --quiet sql
schemas: setup ## write conf/schemas, by which editors complete business files
	@$(CLOSEDLOOP) schemas
dictionary: setup ## write docs/dictionary and docs/architecture.svg from contracts, queries and conf/night.yaml
	@$(CLOSEDLOOP) dictionary
docs: setup ## build the pages as a site, build/site/index.html, without a network
	@NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict --quiet && echo "  build/site/index.html"
lock: ## resolve pyproject.toml to the lock files, with hashes; what is pinned stays (UPGRADE=--upgrade moves it)
	@.ci/lock $(UPGRADE)
sbom: setup ## write supply/sbom.cdx.json, the bill of materials (CycloneDX)
	@$(PYTHON) -m supply sbom
notice: setup ## write NOTICE, the licences of all packages
	@$(PYTHON) -m supply notice
advisories: setup ## hold the lock files against supply/advisories.yaml, and say how old that list is
	@$(PYTHON) -m supply advisories

##@ To prove it
bench: setup ## the benchmarks the documents quote
	@$(CLOSEDLOOP) bench ingest && $(CLOSEDLOOP) bench allocation --case GS1 --case GS2 --case GS3 --case GS4 --case GS1_prime --case transport --case large
prove-loop: setup ## check what make demo left: who was contacted, personal data, counts, a second run
	@CLOSEDLOOP_LOOP_HOME=$${CLOSEDLOOP_HOME:-$(CURDIR)/.run} $(PYTHON) -m pytest tests/e2e/test_loop.py
prove-kill: setup ## kill -9 at every named point, run again, compare by hash
	@$(CLOSEDLOOP) prove-kill
prove-models: setup ## twenty thousand subscriptions: each model's AUC beside the best possible and logistic's
	@$(CLOSEDLOOP) prove-models
