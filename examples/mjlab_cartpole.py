"""Train GenPO on mjlab's Cartpole, from Python, and see the return grow.

    pip install "rlg_genpo[mjlab]"
    python examples/mjlab_cartpole.py [epochs] [environments]

About two minutes on a CPU core, and half a minute more the first time, when mjlab's kernels are
compiled. An episode lasts 1000 steps, so the first return is known after 32 epochs of 32 steps.

Go1 and G1 are for a GPU, with 4096 environments as their configurations say:

    rlg-genpo train mjlab_go1_flat_genpo
    rlg-genpo train mjlab_g1_flat_genpo
"""

import sys

from rl_games.common.algo_observer import AlgoObserver
from rl_games.torch_runner import Runner

import rlg_genpo  # noqa: F401  (registers its algorithms, and env_name: mjlab)
from rlg_genpo.cli import configs, machine
from rlg_genpo.envs import mjlab
from rlg_genpo.errors import ConfigError


class Returns(AlgoObserver):
    """The mean return of the episodes that ended last, epoch by epoch."""

    def __init__(self) -> None:
        self.means: list[float] = []

    def after_init(self, algo) -> None:
        self.algo = algo

    def after_print_stats(self, frame, epoch_num, total_time) -> None:
        if self.algo.game_rewards.current_size > 0:
            self.means.append(self.algo.game_rewards.get_mean().item())


def main(epochs: str = "100", environments: str = "256") -> None:
    params = configs.load(configs.find("mjlab_cartpole_genpo"))
    params["config"].update(max_epochs=int(epochs), num_actors=int(environments))
    machine.set_device(params["config"], "auto")
    machine.set_threads(params)
    try:
        mjlab.SIMULATOR.check(params["config"])
    except ConfigError as error:
        sys.exit(str(error))
    returns = Returns()
    runner = Runner(returns)
    runner.load({"params": params})
    runner.run({"train": True})
    if returns.means:
        print(f"mean return: {returns.means[0]:.1f} at first, {returns.means[-1]:.1f} at last")
    else:
        print("no episode has ended: they last 1000 steps, 32 epochs")


if __name__ == "__main__":
    main(*sys.argv[1:])
