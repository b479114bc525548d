"""The paper's policy beside the narrow head: size, speed and return under the same budget.

    python examples/paper_and_narrow.py [epochs] [picture.png]

The preset ``paper`` is the paper's: a flow from standard normal noise, whose velocity sees the
observation and is here as wide as the task's network, with the compression loss. The narrow head is
what is shipped: a small velocity on rl_games' own trunk, which bends the task's own Gaussian. Both
are one policy class with an exact density; one seed each, so the picture illustrates only.
"""

import sys
import time

from rl_games.common.algo_observer import DefaultAlgoObserver
from rl_games.torch_runner import Runner

from rlg_genpo.algorithm import algorithms
from rlg_genpo.cli import configs, machine

#: options by path below ``params``
PAPER = {
    **algorithms()["genpo"].presets["paper"],
    "network.flow.units": [128, 64, 32],
    # At most this: its adaptive rate never exceeds its start.
    "config.learning_rate": 1e-3,
}
NARROW: dict = {}


class Recorder(DefaultAlgoObserver):
    """Keeps (frame, mean return) after every epoch, and the training time."""

    def after_init(self, algo) -> None:
        super().after_init(algo)
        self.curve: list[tuple[int, float]] = []
        self.started = time.perf_counter()

    def after_print_stats(self, frame, epoch_num, total_time) -> None:
        super().after_print_stats(frame, epoch_num, total_time)
        if self.algo.game_rewards.current_size > 0:
            self.curve.append((frame, float(self.algo.game_rewards.get_mean()[0])))
        self.seconds = time.perf_counter() - self.started


def trained(name: str, options: dict, epochs: int) -> Recorder:
    params = configs.load(configs.find("halfcheetah_genpo"))
    for path, value in options.items():
        configs.assign(params, path.split("."), value)
    params["config"].update(max_epochs=epochs, name=name.replace("'", "").replace(" ", "_"))
    machine.set_device(params["config"], "auto")
    machine.set_threads(params)
    recorder = Recorder()
    runner = Runner(recorder)
    runner.load({"params": params})
    runner.run({"train": True})
    return recorder


def main(epochs: str = "40", picture: str = "paper_and_narrow.png") -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(6, 4))
    lines = []
    for name, options in (("paper's policy", PAPER), ("narrow head", NARROW)):
        run = trained(name, options, int(epochs))
        parameters = sum(p.numel() for p in run.algo.model.parameters())
        last = run.curve[-1][1] if run.curve else float("nan")
        lines.append(
            f"{name:16} {parameters:8,} parameters {run.seconds:6.1f} s, return {last:.0f}"
        )
        axis.plot(*zip(*run.curve, strict=True) if run.curve else ((), ()), label=name)
    axis.set_xlabel("environment frames")
    axis.set_ylabel("mean return, HalfCheetah-v5, one seed")
    axis.legend()
    figure.tight_layout()
    figure.savefig(picture, dpi=110)
    print("\n".join(lines))


if __name__ == "__main__":
    main(*sys.argv[1:])
