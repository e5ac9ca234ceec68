# make demo   set up and run the main job on the embedded data (about a minute on two idle cores after the install)
# make test   set up and pass the tests
# make test-all  all of them, with every method on every kind of network
# make chaos  200 random faults: killed processes, torn files, deleted folders; a few minutes
# make test-oldest  the quick ones with the oldest supported versions, in .venv-oldest; WORKERS=1 runs one test at a time
# make lint   ruff and mypy --strict
# make bench  our run time beside other libraries', into results/speed.md: 15 minutes on two idle cores
# make bench-gpu  the same on CUDA, into results/speed-gpu: 3 minutes
# make board  the page of all results, docs/board/index.html
# make board-check  recompute 20 random numbers of results/ and compare them to the last digit; SEED=0, N=20
# make docs   the site, in docs/_build/html
# make setup  the environment alone, in .venv
# make clean  remove the environment and results/runs

PYTHON ?= python3
WORKERS ?= 2
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
UV     := $(shell command -v uv 2>/dev/null)
PACKAGES := -c constraints.txt -e ".[figures,timm,train]" --group dev

.PHONY: help setup demo test test-all chaos test-oldest bench bench-gpu lint board board-check docs clean
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
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

test-all: setup
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m ""

chaos: setup
	WSOL_CHAOS=200 $(BIN)/python -m pytest -q -n 0 -m "" -s tests/evaluation/test_chaos.py tests/evaluation/test_chaos_elsewhere.py -k "many or on"

# the lowest versions that pyproject.toml allows, Python's too; the warnings of old versions about older ones are theirs
OLDEST := .venv-oldest
OLDEST_PYTHON ?= python$(shell sed -n 's/^requires-python = ">=\(.*\)"/\1/p' pyproject.toml)
test-oldest:
	$(OLDEST_PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet uv
	$(OLDEST)/bin/uv pip install --quiet --python $(OLDEST)/bin/python --resolution lowest-direct -e ".[figures,timm,train,cloud]" --group test
	$(OLDEST)/bin/python -m pytest -q -n $(WORKERS) -W default::DeprecationWarning -W default::FutureWarning -W default:torch.meshgrid:UserWarning

bench: setup
	$(BIN)/python -m benchmarks.speed

# the topics that a GPU changes, in the order of their use
bench-gpu: setup
	$(BIN)/python -m benchmarks.speed --device cuda --out results/speed-gpu gradients run queries rise scorecam

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

board: setup
	$(BIN)/python scripts/make_board.py

SEED ?= 0
N ?= 20
board-check: setup
	$(BIN)/python scripts/board_check.py --seed $(SEED) --numbers $(N)

docs: $(VENV)/.installed-docs
	$(BIN)/python -m sphinx -b html -W --keep-going -q docs docs/_build/html
	@echo docs/_build/html/index.html

$(VENV)/.installed-docs: $(STAMP)
ifdef UV
	VIRTUAL_ENV=$(VENV) uv pip install --quiet $(PACKAGES) --group docs
else
	$(BIN)/python -m pip install --quiet $(PACKAGES) --group docs
endif
	@touch $@

clean:
	rm -rf $(VENV) .venv-oldest results/runs docs/_build docs/board/index.html docs/catalog docs/auto_tutorials
	rm -rf .pytest_cache .mypy_cache .ruff_cache
