# make compare   set up, then the main job: every agent on every task, on identical seeds
# make test      set up, then all tests
# make test-core the core's once more, with NumPy 2 and without robosuite
# make reproduce set up, then the shipped world model from nothing: data, check, training; resumes
# make reproduce-diverse, make reproduce-play  the same for ``diverse`` and ``play``
# make fuzz      set up, then 2,000 wrong inputs, once a release: results/fuzz.txt
# make soak      set up, then 100 random kills of sweeps, trainings and collections: results/soak.txt
# make docs      the documentation site, site/index.html, in an environment of its own
# make setup     .venv, Python packages, headless GL; at once when it is done already
# make lint      ruff, mypy, import-linter
# make format    let ruff rewrite the sources
# make lock      resolve the dependencies anew into requirements.lock

BIN := .venv/bin
# Wheels are installed without it; were it not kept, every process would compile PyTorch anew.
unexport PYTHONDONTWRITEBYTECODE

# One thread a test process: two processes share the cores.
TEST_ENV := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
PYTEST := bin/pytest -q -n 2 --dist worksteal
# A quick part of the tests of every package, for the second set of dependencies.
CORE_TESTS := tests/envs tests/agents/test_agents.py tests/worldsim/data tests/worldsim/vjepa2 \
	$(addprefix tests/worldsim/test_,planning.py poses.py world_model.py) \
	$(addprefix tests/experiments/test_,collect.py runs.py statistics.py)

.PHONY: compare test test-core fuzz soak docs reproduce reproduce-diverse reproduce-play setup lint format lock

compare: setup
	@$(BIN)/worldsim compare

test: lint
	@bash setup/for_tests.sh
	@$(TEST_ENV) .venv/$(PYTEST) --cov --cov-report=term:skip-covered

# The core with NumPy 2, the newest MuJoCo and no robosuite, in an environment of its own.
test-core:
	@bash setup/setup.sh core
	@$(TEST_ENV) .venv-core/$(PYTEST) $(CORE_TESTS)

fuzz: setup
	@$(TEST_ENV) $(BIN)/python -m tests.fuzz --count 2000 --out results/fuzz.txt

soak: setup
	@$(TEST_ENV) $(BIN)/python -m tests.soak --kills 100 --out results/soak.txt

# Warnings are errors: links that lead nowhere, docstrings that tell of arguments there are not.
# (MkDocs counts only the warnings that it prints: no --quiet.)
docs:
	@bash setup/setup.sh docs
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict
	@echo "site/index.html"

reproduce: setup
	$(BIN)/worldsim collect --preset default --out data/default
	$(BIN)/worldsim data info data/default --check experiments/data/manifests/default.txt
	$(BIN)/worldsim train world-model --data data/default --out runs/tiny

# V-JEPA 2's progressive resolution: most of the way at 64 px, the end at 128.
reproduce-diverse: setup
	$(BIN)/worldsim collect --preset diverse --out data/diverse
	$(BIN)/worldsim train world-model --config trainings/diverse-64.yaml
	$(BIN)/worldsim train world-model --config trainings/diverse-128.yaml
	$(BIN)/worldsim train world-model --config trainings/diverse-altered.yaml
	$(BIN)/worldsim collect --preset demonstrations --first-seed 5000 --out data/demonstrations
	$(BIN)/worldsim train world-model --config trainings/diverse-demonstrations.yaml
	$(BIN)/worldsim train world-model --config trainings/diverse-heads.yaml
	$(BIN)/worldsim train world-model --config trainings/diverse.yaml

# From free play alone: no demonstration, and no goal but what was let go somewhere; moves at last.
reproduce-play: setup
	$(BIN)/worldsim collect --preset play --out data/play
	$(BIN)/worldsim data info data/play --check experiments/data/manifests/play.txt
	$(BIN)/worldsim train world-model --config trainings/play-64.yaml
	$(BIN)/worldsim train world-model --config trainings/play-128.yaml
	$(BIN)/worldsim train world-model --config trainings/play.yaml

setup:
	@bash setup/setup.sh

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock:
	@$(BIN)/python setup/lock.py
