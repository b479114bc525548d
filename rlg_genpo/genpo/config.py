"""GenPO's settings."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from rlg_genpo.common import flow_config
from rlg_genpo.common.config import block
from rlg_genpo.common.flow_config import FlowConfig, FlowPolicyConfig
from rlg_genpo.common.schema import at_least, even, one_of, option, positive, widths, within
from rlg_genpo.errors import ConfigError

#: Above this growth of rounding errors, float32's 1e-7 leaves fewer than three good digits in the
#: typical recovered noise.
MAX_ERROR_GROWTH = 1e4


@dataclass(frozen=True)
class CoupledFlowConfig(FlowConfig):
    """``params.network.flow`` of GenPO; the paper's network is the preset ``paper``."""

    steps: int = option(
        2, "N, Euler steps from noise to action; the paper's is 5", at_least(1), identity=True
    )
    time_embedding: int = option(16, "width of the time embedding, an even number", even())
    time_units: tuple[int, ...] = option(
        (32,), "hidden widths of the time embedding's MLP", widths()
    )
    mix: float = option(
        0.9, "p, the coupling's mixing weight", within("(0, 1]", 0, 1, True), identity=True
    )
    memory: str = option(
        "store",
        "what an update keeps of the flow's steps; `store`: their activations; `recompute`: "
        "nothing, to recompute them backwards, in memory that does not grow with steps",
        one_of(("store", "recompute")),
    )

    @property
    def coupling(self) -> tuple[int, float]:
        """N and p, what :class:`rlg_genpo.genpo.coupled.Coupling` is made of."""
        return self.steps, self.mix

    def check(self, network: Mapping[str, Any]) -> None:
        super().check(network)
        growth = error_growth(self.steps, self.mix)
        if growth > MAX_ERROR_GROWTH:
            least = math.ceil(100 * MAX_ERROR_GROWTH ** (-1 / (2 * self.steps))) / 100
            raise ConfigError(
                f"{flow_config.PATH}.mix: {self.mix:g} with {self.steps} steps amplifies float32's "
                f"rounding by mix**(-2*steps) = {growth:.1e} in the inverse; at most "
                f"{MAX_ERROR_GROWTH:.0e} is allowed. Use mix >= {least:.2f}, or fewer steps."
            )


@dataclass(frozen=True)
class AlgoConfig:
    """``params.algo`` of GenPO, beside its ``name``."""

    compression_coef: float = option(
        0.0, "nu, weight of the compression loss; the paper's is 0.01", at_least(0)
    )
    compression: str = option(
        "squared",
        "the compression loss; `squared`: the paper's mean of (x - y)^2; `norm`: the released "
        "code's norm of x - y",
        one_of(("squared", "norm")),
    )
    compression_fraction: float = option(
        0.125,
        "share of a minibatch that the compression loss samples anew; without a base the bounds "
        "loss takes the same samples; the paper's share is 1",
        within("(0, 1]", 0, 1, True),
    )
    cross_entropy_coef: float = option(
        0.0,
        "weight of -mean log pi_new over stored actions; the released code has this cross-entropy "
        "in the entropy's place",
        at_least(0),
    )
    min_lr: float = option(1e-6, "lower bound of the adaptive learning rate", positive())
    max_lr: float | None = option(
        1e-2,
        "upper bound of the adaptive rate; null: config.learning_rate, which base standard wants",
        positive(),
    )


@dataclass(frozen=True)
class GenPOConfig(FlowPolicyConfig):
    """Everything of GenPO's in an rl_games YAML."""

    removed: ClassVar[Mapping[str, Any]] = {
        "algo.adapt": "call",
        "algo.kl_estimator": "nonnegative",
    }

    algo: AlgoConfig = block("algo")
    flow: CoupledFlowConfig = block("network.flow")

    def rate_bounds(self) -> tuple[float, float | None]:
        return self.algo.min_lr, self.algo.max_lr

    def spread(self) -> str | None:
        if self.flow.based:
            return None
        return f"{flow_config.PATH} (base, mix, output_scale)"

    def summary(self) -> str:
        shape = f"{list(self.flow.units)}, {self.flow.place()}"
        return f"{self.flow.steps} steps, mix {self.flow.mix:g}, {shape}"


def error_growth(steps: int, mix: float) -> float:
    """How much the coupled flow's inverse may amplify a rounding error: one 1/mix an unmixing.

    mix**(-2*steps), or infinity where a float cannot hold it.
    """
    try:
        return mix ** (-2 * steps)
    except OverflowError:
        return math.inf
