"""What an activation costs on this machine, alone and inside GenPO's density with its gradient.

python benchmarks/activations.py

"mish" is ours (rlg_genpo/networks/layers.py), "torch's mish" the same function as torch has it.
"""

import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from rlg_genpo.networks.mlp import ACTIVATIONS
from rlg_genpo.networks.velocity import Velocity
from rlg_genpo.policies.genpo import GenPO

ROWS, WIDTH, ACTION_DIM, STEPS, MIX = 2048, 64, 6, 5, 0.9


def milliseconds(work: Callable[[], None], repeats: int = 30) -> float:
    """Median duration, after a few unmeasured calls."""
    for _ in range(3):
        work()
    durations = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        durations.append(1e3 * (time.perf_counter() - start))
    return statistics.median(durations)


def main() -> None:
    torch.set_num_threads(1)
    print(f"{'':14}{'alone, ms':>12}{'density, ms':>14}   forward and backward, {ROWS} rows")
    ACTIVATIONS["torch's mish"] = nn.Mish
    for name in ("torch's mish", "mish", "silu", "elu", "relu"):
        activation = ACTIVATIONS[name]()
        values = torch.randn(ROWS, WIDTH, requires_grad=True)
        ones = torch.ones(ROWS, WIDTH)
        policy = GenPO(Velocity(32, ACTION_DIM, STEPS, (WIDTH, WIDTH), name), MIX)
        source, stored = torch.randn(ROWS, 32), torch.randn(ROWS, 2 * ACTION_DIM)

        def alone(activation=activation, values=values, ones=ones) -> None:
            activation(values).backward(ones)

        def density(policy=policy, source=source, stored=stored) -> None:
            policy.evaluate(policy.condition(source), stored).neglogp.mean().backward()

        print(f"{name:14}{milliseconds(alone):12.2f}{milliseconds(density):14.1f}")


if __name__ == "__main__":
    main()
