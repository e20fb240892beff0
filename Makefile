# One command a job; each sets up what it needs and is safe to run twice.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.set-up
TESTS  ?=
WORKERS ?= 2

.PHONY: demo test test-slow lint format bench docs clean set-up

set-up: $(STAMP)

# uv when it is there, plain venv and pip when not.
$(STAMP): pyproject.toml
	@if command -v uv >/dev/null 2>&1; then \
		test -x $(BIN)/python || uv venv --quiet --python $(PYTHON) $(VENV); \
		uv pip install --quiet --python $(BIN)/python --editable '.[dev]'; \
	else \
		test -x $(BIN)/python || $(PYTHON) -m venv $(VENV); \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'; \
	fi
	@touch $(STAMP)

demo: $(STAMP)
	@$(BIN)/python scripts/demo.py

test: $(STAMP)
	@$(BIN)/python -m pytest -n $(WORKERS) -m "not slow" $(TESTS)

test-slow: $(STAMP)
	@$(BIN)/python -m pytest -m slow $(TESTS)

lint: $(STAMP)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml templates/registry/.github/workflows/*.yml
	@$(BIN)/check-jsonschema --builtin-schema vendor.github-actions .github/actions/*/action.yml
	@$(BIN)/zizmor --quiet --offline .github templates/registry/.github templates/plugin/base/.github templates/release/github/.github

format: $(STAMP)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# Each prints what was measured beside its goal or its peer, the end is one table of all goals;
# `make bench BENCHMARKS=parse` runs one, `make bench QUICK=--quick` sizes that only show that they run.
QUICK ?=
BENCHMARKS ?= startup parse names reading search trees sync resolve export check_growth merging scan_corpus scan_speed \
	scan_secrets host_start host_calls host_many

bench: $(STAMP)
	@$(BIN)/python -m benchmarks $(QUICK) $(BENCHMARKS)

docs: $(STAMP)
	@$(BIN)/python scripts/docs.py

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis demo-run dist
