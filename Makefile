# Every target sets up what it needs, once: a virtual environment of its own under this folder.
# PYTHON chooses the interpreter, PYTEST_ARGS goes to pytest: `make test PYTEST_ARGS="-x tests/tap"`.

PYTHON ?= python3
PYTEST_ARGS ?=
DEMO ?= .demo

# Tests start the programs hundreds of times: their compiled modules are kept.
export PYTHONDONTWRITEBYTECODE =

SETUP := tests/demo/environment.py
ready := .venv/ready
lint_ready := .venv/ready-lint
meltano_ready := .venv-meltano/ready
peer_ready := .venv-peer/ready
airbyte_ready := .venv-airbyte/ready
airflow_ready := .venv-airflow/ready
dbt_ready := .venv-dbt/ready
dlt_ready := .venv-dlt/ready
build_ready := .venv-build/ready
VERSION := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml)

# As in meltano.yml, where a test compares them.
DBT := dbt-core<1.12 dbt-duckdb<1.12 dbt-postgres<1.12 duckdb==1.2.2

.DEFAULT_GOAL := help
.PHONY: help demo transform test test-long test-all test-many lint docs images render bench build meltano airflow airflow-lock dbt dlt peer airbyte clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

demo: $(ready) $(meltano_ready) ## load a made-up account into DuckDB, change it, load what changed
	@.venv/bin/python -m tests.demo

transform: $(dbt_ready) ## build the dbt project over the tables that make demo loaded
	@test -f $(DEMO)/activecampaign.duckdb || { echo "$(DEMO) has no tables yet: run make demo first" >&2; exit 1; }
	@DBT_DUCKDB_PATH=$(DEMO)/activecampaign.duckdb DBT_PROJECT_DIR=transform DBT_PROFILES_DIR=transform .venv-dbt/bin/dbt build

test: $(ready) ## run the tests of a working day: no other program, no long search
	@.venv/bin/python -m pytest -n auto --dist loadgroup -m "not long" $(PYTEST_ARGS)

test-long: $(ready) $(meltano_ready) $(airflow_ready) $(dbt_ready) $(dlt_ready) $(build_ready) $(airbyte_ready) ## run the rest: Meltano, Airflow, dbt, dlt, PyAirbyte, browsers, long searches
	@SEARCH=full .venv/bin/python -m pytest -n auto --dist loadgroup -m "long or search" $(PYTEST_ARGS)

test-all: test test-long ## run all tests

test-many: $(ready) $(meltano_ready) $(airflow_ready) ## run twenty accounts under Airflow; one of two workers is killed
	@SEARCH=longest .venv/bin/python -m pytest tests/many $(PYTEST_ARGS)

lint: $(lint_ready) ## check style, types, workflows and meltano.yml
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy tap_activecampaign_unified target_activecampaign bench
	.venv/bin/zizmor --offline --quiet --persona pedantic .github
	.venv/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	.venv/bin/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	.venv/bin/check-jsonschema --quiet --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	.venv/bin/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	.venv/bin/check-jsonschema --quiet --builtin-schema vendor.meltano meltano.yml

docs: $(ready) ## build the pages under docs/ as a site with search, into site/
	@.venv/bin/zensical build --strict

images: $(ready) ## draw the pictures in docs/images again; needs Chromium
	@.venv/bin/python -m tests.docs.pictures

render: $(ready) ## render the tables of docs/ and the settings of meltano.yml from the code
	@.venv/bin/python -m tests.render --write

bench: $(ready) ## measure in a short form and compare with the figures kept in bench/figures.json
	@.venv/bin/python -m bench

build: $(build_ready) ## build wheel, source archive and bill of materials into dist/
	@rm -rf dist .venv-build/installed
	@.venv-build/bin/python -m build --outdir dist
	@.venv-build/bin/twine check --strict dist/*
	@.venv-build/bin/python -m venv --without-pip .venv-build/installed
	@.venv-build/bin/python -m pip --python .venv-build/installed install --quiet --only-binary :all: --find-links dist "tap-activecampaign-unified==$(VERSION)"
	@.venv-build/bin/cyclonedx-py environment --pyproject pyproject.toml --mc-type application --output-reproducible --output-format JSON --output-file "dist/tap-activecampaign-unified-$(VERSION).cdx.json" .venv-build/installed
	@ls dist

meltano: $(meltano_ready) ## install Meltano into .venv-meltano

airflow: $(airflow_ready) ## install Airflow into .venv-airflow

airflow-lock: $(meltano_ready) ## resolve orchestrate/requirements.txt, the lock of Airflow, again
	@.venv-meltano/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url orchestrate/requirements.in -o orchestrate/requirements.txt

dbt: $(dbt_ready) ## install dbt into .venv-dbt

dlt: $(dlt_ready) ## install dlt and this project into .venv-dlt

peer: $(peer_ready) ## install singer-io's tap into .venv-peer, for the benches that measure it beside ours

airbyte: $(ready) $(airbyte_ready) ## install the Airbyte connectors into .venv and PyAirbyte into .venv-airbyte

# .meltano/ holds the plugins, and the state of the runs too: without it, the next run loads all again.
clean: ## remove the environments, .demo and caches; the state in .meltano/ and activecampaign.duckdb stay
	if [ -d .meltano ]; then find .meltano -mindepth 1 -maxdepth 1 ! -name 'meltano.db*' ! -name state -exec rm -rf {} +; fi
	rm -rf .venv .venv-meltano .venv-airflow .venv-dbt .venv-dlt .venv-build .venv-peer .venv-airbyte .demo .pytest_cache .hypothesis .ruff_cache .mypy_cache build dist site transform/target transform/logs

$(ready): pyproject.toml $(SETUP)
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found: install Python 3.11, 3.12 or 3.13, or name one: PYTHON=python3.12 make …" >&2; exit 1; }
	@$(PYTHON) $(SETUP) .venv --project --group test
	@touch $@

$(lint_ready): $(ready)
	@.venv/bin/python $(SETUP) .venv --group lint
	@touch $@

# With the packages for a state in PostgreSQL.
$(meltano_ready): $(SETUP) Makefile
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found: install Python 3.11, 3.12 or 3.13, or name one: PYTHON=python3.12 make …" >&2; exit 1; }
	@$(PYTHON) $(SETUP) .venv-meltano --package "meltano[postgres]>=4.4,<5"
	@touch $@

# An environment of its own: dbt pins versions that conflict with those of others.
$(dbt_ready): $(SETUP) Makefile
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found: install Python 3.11, 3.12 or 3.13, or name one: PYTHON=python3.12 make …" >&2; exit 1; }
	@$(PYTHON) $(SETUP) .venv-dbt $(foreach package,$(DBT),--package "$(package)")
	@touch $@

# An environment of its own: the project does not need dlt's packages.
$(dlt_ready): $(SETUP) Makefile pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found: install Python 3.11, 3.12 or 3.13, or name one: PYTHON=python3.12 make …" >&2; exit 1; }
	@$(PYTHON) $(SETUP) .venv-dlt --project --package "dlt[duckdb]>=1.31,<2" --package duckdb==1.2.2
	@touch $@

# The packages that build and check a release.
$(build_ready): $(SETUP) Makefile
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found: install Python 3.11, 3.12 or 3.13, or name one: PYTHON=python3.12 make …" >&2; exit 1; }
	@$(PYTHON) $(SETUP) .venv-build --package "build>=1.3,<2" --package "twine>=6.1,<7" --package "cyclonedx-bom>=7,<8"
	@touch $@

# An environment of its own: hundreds of packages, all pinned.
$(airflow_ready): $(SETUP) orchestrate/requirements.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found: install Python 3.11, 3.12 or 3.13, or name one: PYTHON=python3.12 make …" >&2; exit 1; }
	@$(PYTHON) $(SETUP) .venv-airflow --lock orchestrate/requirements.txt
	@touch $@

# An environment of its own: the versions that it pins conflict with ours.
$(peer_ready): $(SETUP)
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found: install Python 3.11, 3.12 or 3.13, or name one: PYTHON=python3.12 make …" >&2; exit 1; }
	@$(PYTHON) $(SETUP) .venv-peer --package tap-activecampaign==1.3.1
	@touch $@

# An environment of its own: hundreds of packages, with versions of their own of some of ours.
$(airbyte_ready): $(SETUP) Makefile
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found: install Python 3.11, 3.12 or 3.13, or name one: PYTHON=python3.12 make …" >&2; exit 1; }
	@$(PYTHON) $(SETUP) .venv-airbyte --package airbyte==0.71.3
	@touch $@
