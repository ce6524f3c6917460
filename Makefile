# One door to everything. `make demo` runs the main job, `make test` passes the tests; both set up what they need.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1

.PHONY: help demo test test-long check format fuzz bench warm clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.ready  ## Simulate a drive, solve it, judge it, report it
	@$(BIN)/kinema demo

test: $(VENV)/.ready-dev  ## Lint, types, import laws and the tests (under 10 minutes on 2 cores)
	@$(BIN)/kinema warm > /dev/null & warming=$$!; \
	$(MAKE) --no-print-directory check; checked=$$?; wait $$warming && exit $$checked
	@$(BIN)/python -m pytest -q -m "not slow"

test-long: $(VENV)/.ready-dev  ## The long tests: many seeds, whole recordings
	@$(BIN)/python -m pytest -q -m slow --timeout 3600

check: $(VENV)/.ready-dev  ## Lint, types, import laws
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache | tail -n 1

format: $(VENV)/.ready-dev  ## Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

fuzz: $(VENV)/.ready-dev  ## Fuzz every reader (SECONDS=60 each)
	@$(BIN)/pip install -q -e '.[fuzz]'
	@$(BIN)/python tests/fuzz/run.py --seconds $(or $(SECONDS),60)

bench: $(VENV)/.ready-dev  ## Speed beside the named peers
	@$(BIN)/pip install -q -e '.[bench]'
	@for script in bench/bench_*.py; do echo "== $$script"; $(BIN)/python $$script; done

warm: $(VENV)/.ready  ## Compile all kernels now
	@$(BIN)/kinema warm

clean:  ## Remove the environment and all caches
	rm -rf $(VENV) build dist out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/.ready: pyproject.toml tools/bootstrap.py
	@echo "Setting up $(VENV) (once; about a minute) …"
	@$(PYTHON) tools/bootstrap.py $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@$(BIN)/python -m compileall -q src  # also where Python is told to write no bytecode: 0.25 s of each start
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	@echo "Adding the test tools …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@
