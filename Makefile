# Everything installs into .venv; nothing else on the machine is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH ?= torch==2.13.0
ISAACLAB ?= isaaclab==2.3.2.post1
# the extras of setup.py; envpool has no build for Python 3.10
EXTRAS ?= envpool,marl,plot,test,dev,docs
DEMO := runs/demo
# one process a core, each in one thread (tests/conftest.py)
WORKERS ?= auto
# --strict makes a link that leads nowhere an error; --quiet would take that back
SITE = PYTHONWARNINGS=ignore NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --maxprocesses 8 --dist loadgroup
# named after what was asked for, so that another TORCH= installs anew
ASKED := $(shell echo '$(PYTHON) $(TORCH) $(EXTRAS) $(ISAACLAB)' | cksum | cut -d' ' -f1)
STAMP := $(VENV)/.installed-$(ASKED)

.PHONY: install check fast test docs demo test-mjlab test-isaaclab lint clean

$(STAMP): Makefile setup.py pyproject.toml rlg_genpo/version.py
	$(PYTHON) -m venv $(VENV)
	@# torch first and by its exact version: a range would take a build with CUDA
	$(BIN)/pip install --quiet $(TORCH)
	$(BIN)/pip install --quiet -e ".[$(EXTRAS)]"
	@# Isaac Lab's real code, without Isaac Sim; for Python 3.11 on Linux, elsewhere its tests skip
	-$(BIN)/pip install --quiet --no-deps $(ISAACLAB)
	rm -f $(VENV)/.installed-*
	touch $(STAMP)

install: $(STAMP)

# What a developer runs before a commit: a minute and a half on two cores. pyright leaves a core idle.
check: $(STAMP)
	$(MAKE) --jobs 2 lint fast

fast: $(STAMP)
	$(PYTEST) -q -m "not slow" $(PYTEST_ARGS)

# Every test: seven minutes on two cores.
test: $(STAMP)
	$(PYTEST) $(PYTEST_ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports --no-cache --no-logo
	@# where the extra docs is left out of EXTRAS, the site is not built
	if [ -x $(BIN)/mkdocs ]; then $(SITE); fi

# The documentation as a site, which needs no network: build/site/index.html.
docs: $(STAMP)
	$(SITE)
	@echo "Open build/site/index.html"

# Train GenPO on MuJoCo's HalfCheetah until it runs, evaluate it, draw the learning curve.
demo: $(STAMP)
	rm -rf $(DEMO)
	$(BIN)/rlg-genpo train halfcheetah_genpo --frames 1000000 --runs $(DEMO) --name halfcheetah_genpo_seed5
	$(BIN)/rlg-genpo eval $(DEMO)/halfcheetah_genpo_seed5 --episodes 64 --json $(DEMO)/evaluation.json
	$(BIN)/rlg-genpo plot $(DEMO)/halfcheetah_genpo_seed5 --out $(DEMO)/learning_curve.png
	@echo "The picture: $(DEMO)/learning_curve.png. The command line: $(BIN)/rlg-genpo --help"

# The tests of the mjlab adapter and its configurations: 90 more packages, 1.1 GB.
test-mjlab: $(STAMP)
	@# held fast, or pip would replace this build of torch by one with CUDA
	$(BIN)/python -c "import torch; print('torch==' + torch.__version__)" > $(VENV)/torch.txt
	$(BIN)/pip install --quiet -c $(VENV)/torch.txt -e ".[mjlab]"
	$(BIN)/python -m pytest tests/envs tests/test_task_configs.py tests/test_examples.py \
		-k mjlab $(PYTEST_ARGS)

# Isaac Lab 3.0 itself, on Newton and a CPU: an environment of its own, with Isaac Lab's torch and
# its CUDA libraries, 8 GB.
LAB := .venv-isaaclab
PYTHON312 ?= $(shell python3.12 -c 'import sys; print(sys.executable)' 2>/dev/null || \
	ls $$HOME/.pyenv/versions/3.12.*/bin/python3.12 2>/dev/null | tail -1)
LAB_PACKAGES := isaaclab==3.0.0 "newton[sim,importers]==1.6.1" rl-games==1.6.5 gym==0.23.1 pytest wandb leapp==0.7.2

$(LAB)/.installed: setup.py
	@test -n "$(PYTHON312)" || { echo "error: Isaac Lab 3.0 needs Python 3.12; give its path: make test-isaaclab PYTHON312=..."; exit 1; }
	$(PYTHON312) -m venv $(LAB)
	$(LAB)/bin/pip install --quiet $(LAB_PACKAGES)
	$(LAB)/bin/pip install --quiet -e .
	touch $@

test-isaaclab: $(LAB)/.installed
	$(LAB)/bin/python -m pytest tests/isaaclab3 --durations 10 $(PYTEST_ARGS)

clean:
	rm -rf $(VENV) $(LAB) build dist *.egg-info
