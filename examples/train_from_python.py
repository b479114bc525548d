"""Train GenPO from Python: an rl_games Runner and a config.

python examples/train_from_python.py [epochs]
"""

import sys

from rl_games.torch_runner import Runner

from rlg_genpo.cli import configs, machine


def main(epochs: str = "60") -> None:
    params = configs.load(configs.find("pendulum_genpo"))
    params["config"]["max_epochs"] = int(epochs)
    machine.set_device(params["config"], "auto")
    machine.set_threads(params)
    runner = Runner()
    runner.load({"params": params})
    runner.run({"train": True})


if __name__ == "__main__":
    main(*sys.argv[1:])
