"""What the parts of a velocity cost on this machine: each beside what it replaced.

python benchmarks/layers.py

Forward and backward of 2048 rows, one thread, medians. "mish" is ours
(rlg_genpo/common/layers.py), "torch's mish" the same function as torch has it.
"""

import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from rlg_genpo.common.flow_config import FlowConfig
from rlg_genpo.common.layers import ACTIVATIONS, NarrowLinear
from rlg_genpo.common.velocity import Condition, Velocity
from rlg_genpo.genpo.coupled import Coupling
from rlg_genpo.genpo.policy import GenPO

ROWS, WIDTH, ACTION_DIM, STEPS, MIX = 2048, 64, 6, 5, 0.9

Work = Callable[[], object]


def milliseconds(work: Work, repeats: int = 50) -> float:
    """Median duration, after a few unmeasured calls."""
    for _ in range(3):
        work()
    durations = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        durations.append(1e3 * (time.perf_counter() - start))
    return statistics.median(durations)


def activations() -> None:
    """Alone, and inside GenPO's density."""
    print(f"{'activation':40}{'alone, ms':>12}{'density, ms':>14}")
    for name in ("torch's mish", "mish", "silu", "elu", "relu"):
        activation = ACTIVATIONS[name]()
        values = torch.randn(ROWS, WIDTH, requires_grad=True)
        ones = torch.ones(ROWS, WIDTH)
        flow = FlowConfig(STEPS, units=(WIDTH, WIDTH), activation=name)
        policy = GenPO(Velocity(32, ACTION_DIM, flow), Coupling(flow.steps, MIX))
        source, stored = torch.randn(ROWS, 32), torch.randn(ROWS, 2 * ACTION_DIM)

        def alone(activation=activation, values=values, ones=ones) -> None:
            activation(values).backward(ones)

        def density(policy=policy, source=source, stored=stored) -> None:
            policy.evaluate(policy.condition(source), stored).neglogp.mean().backward()

        print(f"{name:40}{milliseconds(alone):12.2f}{milliseconds(density):14.1f}")


def narrow_layers() -> None:
    """A velocity's last and first layer, and the rows of a fraction of a minibatch."""
    print(f"{'part':60}{'plain, us':>12}{'ours, us':>12}")
    hidden = torch.randn(ROWS, WIDTH, requires_grad=True)

    def last(kind: type[nn.Linear]) -> Work:
        layer = kind(WIDTH, ACTION_DIM)
        grad = layer(hidden).detach()
        return lambda: layer(hidden).backward(grad)

    show(f"last layer, {WIDTH} to {ACTION_DIM}", last(nn.Linear), last(NarrowLinear))
    state = torch.randn(ROWS, WIDTH)
    action = torch.randn(ACTION_DIM, ROWS).t().requires_grad_()
    weight = torch.randn(WIDTH, ACTION_DIM, requires_grad=True)

    def first(transposed: Callable[[], torch.Tensor]) -> Work:
        return lambda: torch.addmm(state, action, transposed()).backward(state)

    show(
        f"first layer's action part, {ACTION_DIM} to {WIDTH}",
        first(lambda: weight.t()),
        first(lambda: weight.t().contiguous()),
    )
    rows, every = ROWS // 8, torch.arange(ROWS // 8) * 8
    condition = Condition(hidden, torch.zeros(1, WIDTH))
    some = torch.randn(rows, WIDTH)
    show(
        "an eighth of the rows",
        lambda: hidden[every].backward(some),
        lambda: condition.rows(rows).state.backward(some),
    )


def show(part: str, plain: Work, ours: Work) -> None:
    print(f"{part:60}{1e3 * milliseconds(plain):12.0f}{1e3 * milliseconds(ours):12.0f}")


def low_precision() -> None:
    """What bfloat16 in the velocity brings, and how far an unchanged policy's log-ratio strays."""
    print(f"{'velocity':40}{'density, ms':>12}{'log-ratio, sd':>16}{'largest':>12}")
    for units, activation in (((WIDTH, WIDTH), "silu"), ((400, 200, 100), "mish")):
        flow = FlowConfig(STEPS, units=units, activation=activation, output_scale=1.0)
        policy = GenPO(Velocity(87, 21, flow), Coupling(flow.steps, MIX))
        source = torch.randn(ROWS, 87)
        for precision in ("float32", "bfloat16"):
            if precision == "bfloat16":
                policy.allow_mixed_precision()
            with torch.no_grad():
                acted = policy.act(policy.condition(source))

            def density(policy=policy, source=source, stored=acted.stored) -> torch.Tensor:
                return policy.evaluate(policy.condition(source), stored).neglogp

            ratio = density().detach() - acted.neglogp
            spent = milliseconds(lambda density=density: density().mean().backward(), 10)
            name = f"{list(units)}, {activation}, {precision}"
            print(
                f"{name:40}{spent:12.1f}{ratio.std().item():16.2g}{ratio.abs().max().item():12.2g}"
            )


def main() -> None:
    torch.set_num_threads(1)
    ACTIVATIONS["torch's mish"] = nn.Mish
    activations()
    narrow_layers()
    low_precision()


if __name__ == "__main__":
    main()
