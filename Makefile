# Everything a person types. `make` alone lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help env env-dev run ui stop trigger warehouse warehouse-url migrate migration psql known briefing alert-test verify backup restore rekey retention shut-down test check audit sbom check-spark format bench lock new-feed new-table secrets up down clean

# What a run takes; on the command line they win: make run SCALE=1 DAYS=2020-02-10..2020-02-25
SCALE   ?= 0.1
DAYS    ?= 2020-02-23..2020-02-25
SENDERS ?= simulator
RUN     ?= .run

# The python that makes the environment: `python3` if it is 3.11 to 3.13, else one that is, whatever it is called.
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
  "$$p" -c '$(FITS)' >/dev/null 2>&1 && { command -v "$$p"; break; }; done)

PY  := .venv/bin/python
BIN := .venv/bin

# Installed without bytecode, every process compiles every module again: start-up takes three times as long.
unexport PYTHONDONTWRITEBYTECODE
export RESUMPTION_HOME := $(abspath $(RUN))

# `make ui` shows what the last run made unless it is told otherwise.
given = $(if $(filter-out file,$(origin $(1))),$(2) "$($(1))")

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  options: SCALE=$(SCALE) DAYS=$(DAYS) SENDERS=$(SENDERS) (or external) RUN=$(RUN)"

define install
	@test -n "$(PYTHON)" || { echo "make env: Python 3.11, 3.12 or 3.13 is needed; none of python3, python3.13," \
	  "python3.12, python3.11 is one. Install it, or name it: make $@ PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" runtime/environment.py $(1)
endef

env: ## install what the pipeline runs on into .venv, from the lock
	$(call install)

env-dev: ## the same and what tests and checks need
	$(call install,--dev)

run: env ## senders, PostgreSQL, Airflow; load DAYS; print the briefing
	@$(PY) -m runtime run --scale "$(SCALE)" --days "$(DAYS)" --senders "$(SENDERS)"

ui: env ## keep everything up to click through, until make stop
	@$(PY) -m runtime ui $(call given,SCALE,--scale) $(call given,SENDERS,--senders)

trigger: env ## run a DAG by hand while the UI is up: make trigger DAG=quarantine CONF='{"action": "replay", ...}'
	@test -n "$(DAG)" || { echo "make trigger: say which, for example: make trigger DAG=restate" >&2; exit 1; }
	@$(PY) -m runtime trigger "$(DAG)" --conf '$(or $(CONF),{})'

stop: ## end everything that was started
	@if [ -x $(PY) ]; then $(PY) -m runtime stop; else echo "nothing was started: there is no .venv"; fi

warehouse: env ## start the warehouse alone
	@$(PY) -m runtime warehouse

warehouse-url: ## print the SQLAlchemy URL of the running or last warehouse
	@test -x $(PY) || $(MAKE) --no-print-directory env >&2
	@$(PY) -m runtime warehouse-url

migrate: env ## bring the warehouse to this version; back to an earlier revision: make migrate TO=0001
	@$(PY) -m runtime migrate $(if $(TO),downgrade "$(TO)",create)

migration: env ## write a revision with what ops declares and the warehouse lacks: make migration MESSAGE="Retention keeps its proofs"
	@test -n "$(MESSAGE)" || { echo "make migration: say what changes, for example: make migration" \
	  "MESSAGE='Retention keeps its proofs'" >&2; exit 1; }
	@$(PY) -m runtime migrate revision "$(MESSAGE)"

psql: ## ask the warehouse: make psql SQL="select * from mart.resumption_summary"
	@$(PY) -m runtime psql $(if $(SQL),-c "$(SQL)")

known: env ## a table as known at a moment: make known TABLE=resumption_summary DAY=2020-02-24 AT=2020-02-24 [CLOCK=published OUT=file.csv]
	@test -n "$(TABLE)" -a -n "$(DAY)" -a -n "$(AT)" || { echo "make known: say which, for example: make known" \
	  "TABLE=resumption_summary DAY=2020-02-24 AT=2020-02-24T22:00" >&2; exit 1; }
	@$(PY) -m runtime known --table "$(TABLE)" --day "$(DAY)" --at "$(AT)" $(if $(CLOCK),--clock "$(CLOCK)") $(if $(OUT),--out "$(OUT)")

alert-test: env ## try a channel of alerts: make alert-test CHANNEL=alerts_mail
	@test -n "$(CHANNEL)" || { echo "make alert-test: say which, for example: make alert-test CHANNEL=alerts_mail" >&2; exit 1; }
	@$(PY) -m resumption.alerts test "$(CHANNEL)"

briefing: env ## the day's briefing as HTML and Excel files: make briefing DATE=2020-02-25 [OUT=folder]
	@test -n "$(DATE)" || { echo "make briefing: say which day, for example: make briefing DATE=2020-02-25" >&2; exit 1; }
	@WAREHOUSE_URL="$${WAREHOUSE_URL:-$$($(PY) -m runtime warehouse-url)}" $(PY) -m resumption.ui.document --day "$(DATE)" --out "$(or $(OUT),.)"

verify: env ## compare the last run with the simulator's expectation; look for personal data
	@$(PY) -m runtime.verify
	@$(PY) -m runtime.leaks

score: env ## score the last run's tables against the simulated truth; writes docs/quality.md
	@$(PY) -m runtime.score

backup: env ## everything of the run folder, sealed: make backup [OUT=folder] [WITH_KEY=yes]
	@$(PY) -m runtime.backup backup $(if $(OUT),--out "$(OUT)") $(if $(WITH_KEY),--with-key)

restore: env ## make an empty run folder what a backup holds: make restore FROM=folder RUN=.run-restored
	@test -n "$(FROM)" || { echo "make restore: say from which folder, for example: make restore" \
	  "FROM=.run-backups/2020-02-25T020000Z RUN=.run-restored" >&2; exit 1; }
	@$(PY) -m runtime.backup restore --from "$(FROM)"

rekey: env ## another master key for the run folder: every token, the landing zone and the vault are carried over
	@$(PY) -m runtime.rekey $(REKEY)

retention: env ## delete what has passed its time and prove it: make retention [AS_OF=2020-03-24] [DRY_RUN=1]
	@$(PY) -m runtime.retention run $(if $(AS_OF),--as-of "$(AS_OF)") $(if $(DRY_RUN),--dry-run)

shut-down: env ## end all purposes, destroy all personal data and the key: make shut-down CONFIRM="end all purposes"
	@$(PY) -m runtime.retention shut-down --confirm "$(CONFIRM)"

test: env-dev ## all tests
	@$(PY) -m pytest

check: env-dev ## format, lint, types, layers, generated pages, secrets
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(PY) -m resumption.dictionary --check
	@$(PY) -m simulator.verdicts --check
	@cp secrets.baseline .venv/secrets.baseline # whose copy may follow lines that have moved: it says so with 3
	@$(BIN)/detect-secrets-hook --no-verify --baseline .venv/secrets.baseline $$(git ls-files ':!secrets.baseline') > .venv/secrets.found \
	  || test $$? -eq 3 || { cat .venv/secrets.found >&2; exit 1; }

audit: env-dev ## ask PyPI for known vulnerabilities of every package of the locks; fails too where it cannot be asked
	@$(BIN)/pip-audit --strict --no-deps --disable-pip --progress-spinner off -r requirements-dev.txt

sbom: env-dev ## bill of materials of the lock, CycloneDX 1.6: sbom.json
	@$(BIN)/cyclonedx-py requirements requirements.txt --pyproject pyproject.toml --output-reproducible -o sbom.json

check-spark: env ## Spark reads the lake: needs Java, installs 900 MB into an environment of its own
	@test -x .venv/spark/bin/python || "$(PYTHON)" -m venv .venv/spark
	@.venv/spark/bin/python -m pip install -q pyspark==4.3.0 deltalake==1.6.6 pyarrow==26.0.1
	@.venv/spark/bin/python tests/lake/check_spark.py && echo "Spark reads the lake's snapshot"

format: env-dev ## let ruff put the code in order
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: env-dev ## speed and memory against plain DuckDB
	@$(PY) -m benchmarks

lock: env-dev ## make the locks anew from requirements.in and requirements-dev.in
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-emit-package pip requirements.in -o requirements.txt
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-emit-package pip requirements-dev.in -o requirements-dev.txt

new-feed: env ## scaffold a feed: make new-feed NAME=mask_stock
	@test -n "$(NAME)" || { echo "make new-feed: say which, for example: make new-feed NAME=mask_stock" >&2; exit 1; }
	@$(PY) -m resumption.scaffold feed "$(NAME)"

new-table: env ## scaffold a table: make new-table NAME=mask_balance
	@test -n "$(NAME)" || { echo "make new-table: say which, for example: make new-table NAME=mask_balance" >&2; exit 1; }
	@$(PY) -m resumption.scaffold table "$(NAME)"

secrets: env ## make the secrets of the containers that are missing
	@$(PY) -m runtime.containers secrets

up: env ## the whole stack in containers, up and healthy: make up [SENDERS=simulator SCALE=0.02]; see docs/deployment.md
	@SCALE=$(SCALE) $(PY) -m runtime.containers up $(if $(filter-out file,$(origin SENDERS)),$(if $(filter simulator,$(SENDERS)),--simulator))

down: ## end the containers; their data stays
	@$(PY) -m runtime.containers down

clean: stop ## stop and forget the run folder and the environment
	rm -rf "$(RUN)" .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
