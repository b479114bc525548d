# Everything installs into .venv; nothing else on the machine is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TORCH ?= torch==2.13.0
ISAACLAB ?= isaaclab==2.3.2.post1
DEMO := runs/demo

.PHONY: demo test test-mjlab lint clean

$(STAMP): setup.py pyproject.toml rlg_genpo/version.py
	$(PYTHON) -m venv $(VENV)
	@# torch first and by its exact version: a range would take a build with CUDA
	$(BIN)/pip install --quiet $(TORCH)
	$(BIN)/pip install --quiet -e ".[envpool,marl,plot,test,dev]"
	@# Isaac Lab's real code, without Isaac Sim; for Python 3.11 on Linux, elsewhere its tests skip
	-$(BIN)/pip install --quiet --no-deps $(ISAACLAB)
	touch $(STAMP)

# Train GenPO on MuJoCo's HalfCheetah until it runs, evaluate it, draw the learning curve.
demo: $(STAMP)
	rm -rf $(DEMO)
	$(BIN)/rlg-genpo train halfcheetah_genpo --frames 1000000 --runs $(DEMO) --name halfcheetah_genpo_seed5
	$(BIN)/rlg-genpo eval $(DEMO)/halfcheetah_genpo_seed5 --episodes 64 --json $(DEMO)/evaluation.json
	$(BIN)/rlg-genpo plot $(DEMO)/halfcheetah_genpo_seed5 --out $(DEMO)/learning_curve.png
	@echo "The picture: $(DEMO)/learning_curve.png. The command line: $(BIN)/rlg-genpo --help"

# Every test.
test: $(STAMP)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

# The tests of the mjlab adapter and its configurations: 90 more packages, 1.1 GB.
test-mjlab: $(STAMP)
	@# held fast, or pip would replace this build of torch by one with CUDA
	$(BIN)/python -c "import torch; print('torch==' + torch.__version__)" > $(VENV)/torch.txt
	$(BIN)/pip install --quiet -c $(VENV)/torch.txt -e ".[mjlab]"
	$(BIN)/python -m pytest tests/envs tests/test_task_configs.py tests/test_examples.py \
		-k mjlab $(PYTEST_ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

clean:
	rm -rf $(VENV) build dist *.egg-info
