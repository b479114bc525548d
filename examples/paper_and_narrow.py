"""The paper's network beside the narrow head: size, speed and return under the same budget.

    python examples/paper_and_narrow.py [epochs] [picture.png]

``condition: observation`` is the paper's network: the velocity MLP is as wide as the policy and
sees the observation. ``condition: features`` puts a narrow velocity on rl_games' own trunk. Both
are one policy class with the same exact density; one seed each, so the picture illustrates only.
"""

import sys
import time

from rl_games.common.algo_observer import DefaultAlgoObserver
from rl_games.torch_runner import Runner

from rlg_genpo.cli import configs, machine

PAPER = {
    "steps": 5,
    "condition": "observation",
    "units": [128, 64, 32],
    "activation": "mish",
    "time_embedding": 32,
    "time_units": [256, 256],
}
NARROW: dict = {}  # the fast head, as shipped
FRACTIONS = {"paper's network": 1.0, "narrow head": 0.125}  # of rows with fresh samples


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


def trained(name: str, flow: dict, epochs: int) -> Recorder:
    params = configs.load(configs.find("halfcheetah_genpo"))
    params["network"]["flow"].update(flow)
    params["algo"]["compression_fraction"] = FRACTIONS[name]
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
    for name, flow in (("paper's network", PAPER), ("narrow head", NARROW)):
        run = trained(name, flow, int(epochs))
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
