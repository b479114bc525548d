"""Two agents that must leave a local optimum at the same time: four rules as a picture.

    python examples/two_agent_game.py [ddpl epochs] [ppo epochs] [picture.png]

Half a minute on a CPU core. The top rows are the mirror descent of analysis/game_grid.py,
computed without networks: as it is, and projected on a Gaussian after every step. Below them DDPL,
which keeps every mode, and Gaussian PPO, trained by rl_games. Each row shows draws of both agents'
actions over the payoff, from the start to the end.
"""

import sys
import time

import torch
from analysis import game_grid
from rl_games.common.algo_observer import DefaultAlgoObserver
from rl_games.torch_runner import Runner

from rlg_genpo.cli import configs, machine
from rlg_genpo.envs.game import payoff

SHOWN = 512
COLUMNS = 5
STEPS, TEMPERATURE, SPREAD = 60, 0.5, 0.6

Draws = list[torch.Tensor]  # (SHOWN, 2), one for each epoch


class Watcher(DefaultAlgoObserver):
    """Draws both agents' actions after every epoch, and shows the progress."""

    def __init__(self, name: str, epochs: int) -> None:
        super().__init__()
        self.name, self.epochs = name, epochs
        self.draws: Draws = []
        self.begun = time.monotonic()

    def after_init(self, algo) -> None:
        super().after_init(algo)
        self.agent = algo

    def after_print_stats(self, frame, epoch_num, total_time) -> None:
        self.look()
        value = payoff(self.draws[-1]).mean()
        seconds = time.monotonic() - self.begun
        line = (
            f"{self.name}: epoch {epoch_num} of {self.epochs}, payoff {value:.2f}, {seconds:.0f} s"
        )
        print(f"\r{line}", end="\n" if epoch_num >= self.epochs else "", flush=True)

    def look(self) -> None:
        # Every observation is 0, so any number of rows of it will do.
        obs = {"obs": torch.zeros(SHOWN, 2, device=self.agent.ppo_device)}
        with torch.no_grad():
            stored = self.agent.get_action_values(obs)["actions"]
            self.draws.append(self.agent.preprocess_actions(stored).cpu())


def trained(policy: str, epochs: int) -> Draws:
    params = configs.load(configs.find(f"game_{policy}"))
    params["config"].update(max_epochs=epochs, print_stats=False)
    machine.set_device(params["config"], "auto")
    machine.set_threads(params)
    watcher = Watcher(policy, epochs)
    runner = Runner(watcher)
    runner.load({"params": params})
    runner.run({"train": True})
    return watcher.draws


def descended(gaussian: bool) -> Draws:
    """Draws along the rule's path on the grid."""
    actions = game_grid.grid()
    table = game_grid.payoffs(actions)
    start = game_grid.normal(actions, 0.0, SPREAD).expand(2, -1)
    path = game_grid.descend(table, actions, start, STEPS, TEMPERATURE, gaussian)
    generator = torch.Generator().manual_seed(0)
    return [
        actions[policies.multinomial(SHOWN, replacement=True, generator=generator)].mT
        for policies in path
    ]


def draw(rows: dict[str, Draws], picture: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    actions = game_grid.grid()
    landscape = game_grid.payoffs(actions).numpy()
    figure, axes = plt.subplots(
        len(rows), COLUMNS, figsize=(2.1 * COLUMNS, 2.3 * len(rows)), sharex=True, sharey=True
    )
    for line, (name, draws) in zip(axes, rows.items(), strict=True):
        line[0].set_ylabel(name, fontsize=9)
        times = torch.linspace(0, len(draws) - 1, COLUMNS).round().long().tolist()
        for axis, when in zip(line, times, strict=True):
            # The table's rows are the first agent's action: transposed, it is the horizontal one.
            axis.contourf(actions, actions, landscape.T, levels=12, cmap="Greys", alpha=0.6)
            axis.scatter(*draws[when].mT, s=3, color="tab:red", linewidths=0)
            axis.set_title(f"{when}: {payoff(draws[when]).mean():.2f}", fontsize=8)
            axis.set(xlim=(-1, 1), ylim=(-1, 1), aspect="equal", xticks=[-0.6, 0, 0.6])
            axis.set_yticks([-0.6, 0, 0.6])
    figure.suptitle(
        "Actions of both agents; above each, steps or epochs so far and mean payoff", fontsize=9
    )
    figure.tight_layout()
    figure.savefig(picture, dpi=100)


def main(ddpl: str = "50", ppo: str = "100", picture: str = "two_agent_game.png") -> None:
    rows = {
        "mirror descent": descended(gaussian=False),
        "its Gaussian projection": descended(gaussian=True),
        "DDPL": trained("ddpl", int(ddpl)),
        "Gaussian PPO": trained("ppo", int(ppo)),
    }
    draw(rows, picture)
    ends = ", ".join(f"{name} {payoff(draws[-1]).mean():.2f}" for name, draws in rows.items())
    print(f"payoff at the end: {ends}; {picture}")


if __name__ == "__main__":
    main(*sys.argv[1:])
