# make demo   set up and run the main job on the embedded data (about a minute on two idle cores after the install)
# make test   set up and pass the tests
# make test-all  all of them, with every method on every kind of network
# make test-oldest  the quick ones with the oldest supported versions, in .venv-oldest
# make lint   ruff and mypy --strict
# make setup  the environment alone, in .venv
# make clean  remove the environment and results/runs

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
UV     := $(shell command -v uv 2>/dev/null)
PACKAGES := -c constraints.txt -e ".[figures,timm]" --group dev

.PHONY: help setup demo test test-all test-oldest lint clean
help:
	@sed -n 's/^# //p' Makefile

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
ifdef UV
	uv venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	VIRTUAL_ENV=$(VENV) uv pip install --quiet --compile-bytecode $(PACKAGES)
else
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet $(PACKAGES)
endif
	@touch $@

demo: setup
	$(BIN)/wsol run experiment=demo
	$(BIN)/wsol report latest -o results/runs/demo.html
	$(BIN)/wsol explain test/00000 test/00001 test/00002 test/00003 method=[cam,gradcam,gradcam_pp,layercam_fused,scorecam,centergauss] -o results/runs/demo-pictures

test: setup
	$(BIN)/python -m pytest -q -n 2

test-all: setup
	$(BIN)/python -m pytest -q -n 2 -m ""

# the lowest versions that pyproject.toml allows; the warnings of old versions about older ones are theirs
OLDEST := .venv-oldest
test-oldest:
	$(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet uv
	$(OLDEST)/bin/uv pip install --quiet --python $(OLDEST)/bin/python --resolution lowest-direct -e ".[figures,timm]" --group test
	$(OLDEST)/bin/python -m pytest -q -n 2 -W default::DeprecationWarning -W default::FutureWarning

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .venv-oldest results/runs .pytest_cache .mypy_cache .ruff_cache
