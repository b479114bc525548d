"""Where a policy goes that may choose between equal goals: its trajectories as a picture.

    python examples/multigoal.py [cppo|genpo|ppo] [epochs] [picture.png]

Trains on the multi-goal point mass, half a minute on a CPU core, and then draws sampled episodes
that all start in the middle. Train for less, say 30 epochs, and more goals are still alive;
benchmarks/multigoal.py measures that, with seeds.
"""

import sys

import torch
from analysis import coverage
from rl_games.common.algo_observer import DefaultAlgoObserver
from rl_games.torch_runner import Runner

from rlg_genpo.cli import configs, machine
from rlg_genpo.envs.multigoal import MultiGoal

EPISODES = 300


class Keeper(DefaultAlgoObserver):
    """Keeps the agent that rl_games makes."""

    def after_init(self, algo) -> None:
        super().after_init(algo)
        self.agent = algo


def trained_agent(policy: str, epochs: int):
    params = configs.load(configs.find(f"multigoal_{policy}"))
    params["config"].update(max_epochs=epochs, print_stats=False)
    machine.set_device(params["config"], "auto")
    machine.set_threads(params)
    keeper = Keeper()
    runner = Runner(keeper)
    runner.load({"params": params})
    runner.run({"train": True})
    return keeper.agent


def main(policy: str = "cppo", epochs: str = "80", picture: str = "multigoal.png") -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    agent = trained_agent(policy, int(epochs))
    env = MultiGoal(EPISODES, {**agent.config["env_config"], "start_noise": 0.0})

    def sample(obs: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return agent.preprocess_actions(agent.get_action_values({"obs": obs})["actions"])

    episodes = coverage.roll(env, sample)
    count = len(env.goals)
    modes = coverage.mode_count(episodes.goals, count)
    entropy = coverage.coverage_entropy(episodes.goals, count)
    line = (
        f"{policy} after {epochs} epochs: return {episodes.returns.mean():.1f}, {modes} of {count} "
        f"goals, coverage entropy {entropy:.2f} nats"
    )
    figure, axis = plt.subplots(figsize=(5, 5))
    coverage.draw(axis, episodes, env.goals)
    axis.set_title(line.replace(", ", "\n", 1), fontsize=9)
    figure.tight_layout()
    figure.savefig(picture, dpi=110)
    print(f"{line}; {picture}")


if __name__ == "__main__":
    main(*sys.argv[1:])
