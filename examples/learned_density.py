"""The learned density of a small policy, as a picture, with its exact mode.

    python examples/learned_density.py [epochs] [picture.png]

Trains GenPO on Pendulum for a few seconds. The action has one component, so the policy's doubled
action (x, y) is a point of the plane and its density can be drawn whole: exactly, from the inverse
and a log-determinant that does not depend on the noise, with the flow at zero noise marking the
mode. The strip above each density is what the environment sees, the distribution of (x + y)/2.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from rl_games.torch_runner import Runner

from rlg_genpo.algorithm import algorithms
from rlg_genpo.cli import configs, machine
from rlg_genpo.common.messages import Seen
from rlg_genpo.genpo.policy import GenPO

#: cos, sin of the angle from upright, angular velocity
STATES = {
    "upright, still": (1.0, 0.0, 0.0),
    "leaning, falling": (0.85, 0.53, 1.5),
    "hanging, still": (-1.0, 0.0, 0.0),
}
GRID = torch.linspace(-3, 3, 241)


def trained_agent(epochs: int):
    """An agent of rl_games after a short training run, ready to be asked."""
    params = configs.load(configs.find("pendulum_genpo"))
    params["config"].update(max_epochs=epochs, name="density")
    machine.set_device(params["config"], "cpu")
    machine.set_threads(params)
    runner = Runner()
    runner.load({"params": params})
    agent = algorithms()["genpo"].make_agent("run", runner.params)
    agent.train()
    agent.model.eval()
    return agent


def densities(policy: GenPO, source: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of one state, source (1, C): density on the grid, executed samples, mode (x, y)."""
    x, y = torch.meshgrid(GRID, GRID, indexing="xy")
    pairs = torch.stack([x.flatten(), y.flatten()], dim=-1)
    with torch.no_grad():
        neglogp = policy.evaluate(policy.condition(source.expand(len(pairs), -1)), pairs).neglogp
        samples = policy.to_env(policy.act(policy.condition(source.expand(20_000, -1))).stored)
        mode = policy.deterministic_action(policy.condition(source))
    return (-neglogp).exp().reshape(x.shape).numpy(), samples[:, 0].numpy(), mode[0].numpy()


def draw(agent, picture: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        2, len(STATES), figsize=(10, 4.6), sharex=True, height_ratios=[1, 3], squeeze=False
    )
    for column, (title, state) in enumerate(STATES.items()):
        source = agent.model.source(Seen(torch.tensor([state])))
        density, samples, mode = densities(agent.policy, source)
        top, plane = axes[:, column]
        top.hist(samples, bins=120, range=(-3, 3), density=True, color="C0")
        top.axvline(mode.mean(), color="C3")
        top.set_title(title)
        top.set_yticks([])
        plane.contourf(GRID, GRID, density, levels=20, cmap="Blues")
        plane.plot([-3, 3], [-3, 3], color="grey", lw=0.5)
        plane.plot(*mode, "x", color="C3", label="mode: the flow at zero noise")
        plane.set_xlabel("x")
    axes[0, 0].set_ylabel("executed")
    axes[1, 0].set_ylabel("y")
    axes[1, 0].legend(loc="lower right", fontsize=7)
    figure.suptitle("Density of GenPO's doubled action on Pendulum, in units of the torque limit")
    figure.tight_layout()
    figure.savefig(picture, dpi=110)


def main(epochs: str = "60", picture: str = "learned_density.png") -> None:
    draw(trained_agent(int(epochs)), Path(picture))


if __name__ == "__main__":
    main(*sys.argv[1:])
