# Everything on a fresh machine that has Python 3.11 or newer: `make demo`, `make test`. Nothing else to type.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: demo test lint bench clean

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	touch $@

demo: $(VENV)/.installed
	$(BIN)/flrsim demo

lint: $(VENV)/.installed
	$(BIN)/ruff check src tests benchmarks docs meshes
	$(BIN)/ruff format --check src tests benchmarks docs meshes
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/flrsim evidence check
	$(BIN)/codespell src tests benchmarks docs README.md CHANGELOG.md CONTRIBUTING.md

test: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

# The peers are an extra of their own: flrsim runs without them, and each row says whether its peer was there.
bench: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[peers]"
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
