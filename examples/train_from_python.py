"""Train GenPO from Python: an rl_games Runner and a config.

    python examples/train_from_python.py
"""

import sys
from pathlib import Path

import yaml
from rl_games.torch_runner import Runner

import rlg_genpo  # noqa: F401  registers genpo with rl_games

CONFIG = Path(__file__).parent.parent / "task_configs" / "pendulum_genpo.yaml"


def main(epochs: int = 60) -> None:
    config = yaml.safe_load(CONFIG.read_text())
    config["params"]["config"].update(max_epochs=epochs, torch_compile=False)
    runner = Runner()
    runner.load(config)
    runner.run({"train": True})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
