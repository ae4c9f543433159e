# Two commands do everything on a fresh machine with Python 3.10 to 3.13: `make nightly` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SPARK_READY := $(VENV)/.spark-ready
BENCH_READY := $(VENV)/.bench-ready

.PHONY: help setup setup-spark setup-bench nightly test coverage test-hard test-kills test-spark bench lint format docs pages timezones clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "Sendworthy needs Python 3.10 to 3.13; name one: make PYTHON=python3.12 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(SPARK_READY): $(READY) requirements-spark.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-spark.lock
	@touch $@

$(BENCH_READY): $(READY) requirements-bench.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.lock
	@touch $@

setup: $(READY) ## install what is locked, into .venv

setup-spark: $(SPARK_READY) ## the same, and Spark (Java 17 must be there)

setup-bench: $(BENCH_READY) ## the same, and the programs that the benchmark compares with

nightly: $(READY) ## run a whole night on the committed sample (its data is old, and that is meant)
	$(BIN)/sendworthy nightly --allow-stale

test: $(READY) lint ## every check and every test, but those of whole nights by the dozen and of Spark
	$(BIN)/python -m pytest

coverage: $(READY) ## every test of `make test`, and how much of the Python they run: not less than pyproject.toml asks for
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test-hard: $(BENCH_READY) ## nights that are killed, run out of disk and memory, are held back by limits; a hundred random worlds (an hour)
	$(BIN)/python -m pytest -m hard
	SENDWORTHY_TEST_WORLDS=100 $(BIN)/python -m pytest tests/models/test_worlds.py

test-spark: $(SPARK_READY) ## the same night on DuckDB and on Spark: no row may differ (20 minutes; SPARK_TESTS chooses)
	$(BIN)/python -m pytest -m spark $(SPARK_TESTS)

test-kills: $(READY) ## sixty whole nights are killed, and hundreds while they publish (25 minutes; SENDWORTHY_KILLS=60)
	SENDWORTHY_KILLS=$${SENDWORTHY_KILLS:-60} $(BIN)/python -m pytest -s -n 0 -m hard tests/night/test_power_cut.py

bench: $(BENCH_READY) ## nights beside other ways to the same lists: benchmarks/RESULTS.md (ARGS chooses sizes and who takes part)
	$(BIN)/python -m benchmarks $(ARGS)

lint: $(READY) ## formatters and linters, for SQL, the dbt project and Python
	$(BIN)/ruff check scripts expectations dev tests benchmarks
	$(BIN)/ruff format --check scripts expectations dev tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfmt --check --quiet models tests scripts
	$(BIN)/sqlfmt --check --quiet --no-jinjafmt macros
	$(BIN)/dbt --quiet --log-path target/lint parse --target-path target/lint
	$(BIN)/dbt-bouncer run

format: $(READY) ## write Python and SQL as the linters want them
	$(BIN)/ruff check --fix scripts expectations dev tests benchmarks
	$(BIN)/ruff format scripts expectations dev tests benchmarks
	$(BIN)/sqlfmt --quiet models tests scripts
	$(BIN)/sqlfmt --quiet --no-jinjafmt macros

docs: $(READY) ## dbt's own pages of models and lineage, in target/
	$(BIN)/dbt docs generate

pages: nightly ## write the parts of README.md and docs/ that come from the program: outputs, help texts, the picture
	$(BIN)/python dev/write_docs.py

timezones: $(READY) ## write the seeds of time zones from the locked tzdata
	$(BIN)/python dev/write_timezones.py

clean: ## forget what was built, not what was published
	rm -rf target logs .sendworthy dbt.duckdb
