# make demo, make test: each works on a machine with Python 3.11 or newer and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-slow test-random test-lowest coverage lint benchmarks clean

demo: $(VENV)/installed-mcu
	$(BIN)/zeroshot demo --run runs/demo --epochs 20 --force
	$(BIN)/zeroshot train runs/demo --top 1 --force
	$(BIN)/zeroshot quantize runs/demo --force
	$(BIN)/zeroshot export runs/demo --pair 1 --force

# A process a core, so a thread each; a file's tests stay together, with the fixtures that they share.
test: export OMP_NUM_THREADS ?= 1
test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n auto --dist loadfile

test-slow: $(VENV)/installed-dev
	$(BIN)/python -m pytest -m slow

# All properties with fresh seeds and eight times the examples; pytest prints how to repeat a failure.
test-random: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n auto -m hypothesis --hypothesis-profile=random

# With the oldest versions of the dependencies that pyproject.toml allows, in an environment of its own.
test-lowest: $(VENV)/installed-dev
	$(PYTHON) -m venv $(VENV)-lowest
	$(BIN)/python tests/lowest.py > $(VENV)-lowest/constraints.txt
	$(VENV)-lowest/bin/python -m pip install --disable-pip-version-check -q -c $(VENV)-lowest/constraints.txt -e '.[dev]'
	$(VENV)-lowest/bin/python -m pytest -n auto --dist loadfile

# Twice: compiled kernels are seen only in a pass that runs them as Python.
KERNELS := tests/cascade tests/cost tests/int8 tests/spaces tests/test_net.py
coverage: $(VENV)/installed-dev
	$(BIN)/python -m coverage run -m pytest
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m coverage run --append -m pytest $(KERNELS)
	$(BIN)/python -m coverage report --skip-covered

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy zeroshot proxies cli benchmarks

benchmarks: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks.speed

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 demo") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e .
	touch $@

$(VENV)/installed-mcu: $(VENV)/installed
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[export,mcu]'
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
