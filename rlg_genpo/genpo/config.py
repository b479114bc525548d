"""GenPO's YAML blocks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from rlg_genpo.common import checks
from rlg_genpo.common import flow_config as flow
from rlg_genpo.common.schema import at_least, one_of, option, parse, positive, widths, within
from rlg_genpo.errors import ConfigError

#: Above this growth of rounding errors, float32's 1e-7 leaves fewer than three good digits in the
#: typical recovered noise.
MAX_ERROR_GROWTH = 1e4


@dataclass(frozen=True)
class CoupledFlowConfig(flow.FlowConfig):
    """``params.network.flow`` of GenPO.

    The defaults are the fast head: the cheapest of those tried that learns HalfCheetah and Ant no
    worse than the paper's network (docs/RESULTS.md); HalfCheetah's config has two steps. The
    paper's: 5 steps, the observation, the task's own widths, mish, an embedding of 32 by
    [256, 256].
    """

    steps: int = option(3, "N, Euler steps from noise to action; the paper's is 5", at_least(1))
    units: tuple[int, ...] = option((64,), "hidden widths of the velocity MLP", widths())
    time_embedding: int = option(16, "width of the time embedding, even", at_least(2))
    time_units: tuple[int, ...] = option((32,), "hidden widths of its MLP", widths())
    mix: float = option(0.9, "p, the coupling's mixing weight", within("(0, 1]", 0, 1, True))
    memory: str = option(
        "store",
        "what an update keeps of the flow's steps: their activations; or nothing, to recompute "
        "them backwards, in memory that does not grow with steps",
        one_of(("store", "recompute")),
    )


@dataclass(frozen=True)
class GenPOConfig:
    """``params.algo`` of GenPO, beside its ``name``."""

    name: str = option("genpo", "the algorithm")
    compression_coef: float = option(0.01, "nu, weight of the compression loss", at_least(0))
    compression: str = option(
        "squared",
        "the paper's mean (x - y)^2, or the released code's |x - y|",
        one_of(("squared", "norm")),
    )
    compression_fraction: float = option(
        0.125,
        "share of each minibatch on which fresh samples are drawn for the compression loss; the "
        "paper's is 1",
        within("(0, 1]", 0, 1, True),
    )
    kl_estimator: str = option(
        "nonnegative",
        "r - 1 - log r, or plain -log r as in the released code",
        one_of(("nonnegative", "plain")),
    )
    adapt: str = option(
        "epoch",
        "when lr_schedule 'adaptive' decides: once an epoch, on the last mini-epoch's KL; or at "
        "every KL that rl_games measures (a minibatch in 'legacy', a mini-epoch in 'standard')",
        one_of(("epoch", "call")),
    )
    min_lr: float = option(1e-5, "lower bound of the adaptive learning rate", positive())
    max_lr: float | None = option(
        None,
        "upper bound of the adaptive learning rate; config.learning_rate if not given",
        positive(),
    )


@dataclass(frozen=True)
class GenPOSettings:
    """Everything of ours in a GenPO YAML, and the checks that span several blocks."""

    #: what a player may be told to execute, beside the policy's default
    deployments: ClassVar[tuple[str, ...]] = ()

    algo: GenPOConfig
    flow: CoupledFlowConfig

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> "GenPOSettings":
        """Parse ``params`` of an rl_games YAML.

        Raises:
            ConfigError: naming the key, the value and the way out.
        """
        algo = parse(GenPOConfig, params.get("algo"), "params.algo")
        coupled = parse_coupled_flow(checks.block_at(params, "network"))
        checks.check_names(params, "genpo", "genpo_actor_critic")
        config = checks.block_at(params, "config")
        checks.check_schedule(config, (algo.min_lr, algo.max_lr))
        checks.check_bounds(config)
        return cls(algo, coupled)

    def head(self) -> dict[str, Any]:
        """What a checkpoint's policy depends on beside the shapes of its tensors, by YAML key."""
        keys = ("steps", "mix", "condition", "activation")
        return {f"{flow.PATH}.{key}": getattr(self.flow, key) for key in keys}

    def summary(self) -> str:
        """The flow in a few words, for ``rlg-genpo check``."""
        shape = f"{list(self.flow.units)} on the {self.flow.condition}"
        return f"{self.flow.steps} steps, mix {self.flow.mix:g}, {shape}"


def parse_coupled_flow(network: Mapping[str, Any]) -> CoupledFlowConfig:
    """``flow:`` of a network block.

    Raises:
        ConfigError: among other things, where the inverse would lose too many digits.
    """
    coupled = flow.parse_flow(CoupledFlowConfig, network)
    growth = error_growth(coupled.steps, coupled.mix)
    if growth > MAX_ERROR_GROWTH:
        least = math.ceil(100 * MAX_ERROR_GROWTH ** (-1 / (2 * coupled.steps))) / 100
        raise ConfigError(
            f"{flow.PATH}.mix: {coupled.mix:g} with {coupled.steps} steps amplifies float32's "
            f"rounding by mix**(-2*steps) = {growth:.1e} in the inverse; at most "
            f"{MAX_ERROR_GROWTH:.0e} is allowed. Use mix >= {least:.2f}, or fewer steps."
        )
    return coupled


def error_growth(steps: int, mix: float) -> float:
    """How much the coupled flow's inverse may amplify a rounding error: one 1/mix an unmixing.

    mix**(-2*steps), or infinity where a float cannot hold it.
    """
    try:
        return mix ** (-2 * steps)
    except OverflowError:
        return math.inf
