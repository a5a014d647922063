# `make tutorial` trains the tutorial; `make check` tests what can be tested in a few minutes, `make test` all that a
# change may break, `make test-all` every case.
# Each makes the environment first if it is missing or out of date.

VENV := .venv
BIN := $(VENV)/bin
# The first Python on this machine that TensorFlow supports; `make PYTHON=/path/to/python tutorial` names another.
PYTHON ?= $(firstword $(foreach name,python3 python python3.13 python3.12 python3.11,$(shell \
	$(name) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) and print(sys.executable)' 2>/dev/null)))

.PHONY: tutorial test test-all test-jax test-torch check coverage docs notebooks benchmark

tutorial: $(VENV)/installed
	@$(BIN)/python -m tutorials run vanishing

check: $(VENV)/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest -p no:nbval -n 2 --dist loadgroup -m "not slow"

# `make test-all` runs the tests marked `thorough` too. Most of the notebooks' time goes into compiling what then runs
# for seconds: the compiler takes less trouble here.
CHOSEN := -m "not thorough"
test-all: CHOSEN :=
test-all: test
test: $(VENV)/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest -p no:nbval -n 2 --dist loadgroup $(CHOSEN)
	XLA_FLAGS=--xla_backend_optimization_level=0 $(BIN)/pytest -n 2 --dist loadfile --nbval-lax --nbval-current-env notebooks

# The tests of the callbacks with Keras on JAX and on PyTorch, each in an environment of its own without TensorFlow;
# `make test-jax ONLY=tests/callbacks/test_weights.py` runs some of them.
ONLY := tests/callbacks

test-jax: .venv-jax/installed
	KERAS_BACKEND=jax .venv-jax/bin/python -m pytest -n 2 --dist loadgroup $(ONLY)

test-torch: .venv-torch/installed
	KERAS_BACKEND=torch .venv-torch/bin/python -m pytest -n 2 --dist loadgroup $(ONLY)

.venv-%/installed: tests/requirements-%.txt
	@test -n "$(PYTHON)" || { echo "make: this project needs Python 3.11, 3.12 or 3.13, and none is on the PATH." >&2; exit 2; }
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements-$*.txt
	@touch $@

# Which lines the quick tests do not reach.
coverage: $(VENV)/installed
	$(BIN)/pytest -n 2 --dist loadgroup -m "not slow" --cov --cov-report=term

# The documentation as a site, in site/.
docs: $(VENV)/installed
	$(BIN)/python -m sphinx -W --keep-going -q docs site

# Executes the notebooks in place, as they are committed.
notebooks: $(VENV)/installed
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False notebooks/*.ipynb

benchmark: $(VENV)/installed
	$(BIN)/python -m benchmarks.epoch
	$(BIN)/python -m benchmarks.monitor_costs
	$(BIN)/python -m benchmarks.seed_costs

$(VENV)/installed: requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: this project needs Python 3.11, 3.12 or 3.13, and none is on the PATH." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@
