"""Conditional PPO's settings; :mod:`rlg_genpo.cppo.agent` says what is not the paper's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from rlg_genpo.common import flow_config
from rlg_genpo.common.config import block
from rlg_genpo.common.flow_config import FlowConfig, FlowPolicyConfig
from rlg_genpo.common.schema import at_least, one_of, option, positive, widths, within
from rlg_genpo.errors import ConfigError

REGULARISERS = ("none", "langevin", "shrinkage", "kl_old")
#: the kernel's standard deviation at the start, without a base
SIGMA = 0.5
DEPLOYMENTS = ("residual_mean", "residual_sample", "flow_ema", "flow")


@dataclass(frozen=True)
class ReferenceFlowConfig(FlowConfig):
    """``params.network.flow`` of CPPO: the flow whose sample the kernel starts from."""

    steps: int = option(8, "N, Euler steps from noise to a sample", at_least(1), identity=True)
    noise_scale: float = option(
        1.0,
        "standard deviation of the flow's noise, and of its samples at the start; on base "
        "gaussian it is 1, in units of that Gaussian",
        positive(),
        identity=True,
    )


@dataclass(frozen=True)
class ResidualConfig:
    """``params.network.residual``: delta, the part of the kernel's mean that PPO learns."""

    units: tuple[int, ...] = option((64, 64), "hidden widths of delta's MLP", widths())
    activation: str = option(
        "silu", "activation of delta's MLP", one_of(flow_config.ACTIVATION_NAMES), identity=True
    )
    sigma: float | None = option(
        None,
        f"the kernel's standard deviation at the start, on base standard (null: {SIGMA})",
        positive(),
    )
    output_scale: float = option(
        0.0, "factor on delta's last layer at the start; 0 starts at delta = 0", at_least(0)
    )


@dataclass(frozen=True)
class AlgoConfig:
    """``params.algo`` of CPPO, beside its ``name``."""

    contraction: float = option(
        0.5,
        "kappa, on base gaussian; how much of the way the kernel goes from the flow's sample to "
        "the base's mean: at 1 the policy is the base but for delta",
        within("(0, 1]", 0, 1, open_low=True),
        identity=True,
    )
    regulariser: str = option(
        "shrinkage",
        "what holds the kernel; `langevin`: a Langevin step towards N(0, `regulariser_scale`^2 I); "
        "`shrinkage`: its reference sample; `kl_old`: the rollout's kernel; `none`: nothing",
        one_of(REGULARISERS),
    )
    regulariser_scale: float = option(
        1.0, "standard deviation of the normal that the Langevin step aims at", positive()
    )
    regulariser_coef: float = option(0.02, "c, the regulariser's weight", at_least(0))
    ema: float = option(
        0.5,
        "rho, the share of itself that the reference keeps each iteration; 0 makes it the flow",
        within("[0, 1)", 0, 1, open_high=True),
    )
    distill_epochs: int = option(
        4, "passes of flow matching over a rollout; the paper's are 15", at_least(1)
    )
    distill_minibatches: int = option(4, "minibatches of each pass", at_least(1))
    distill_lr: float = option(1e-3, "learning rate of the flow's own Adam", positive())
    distill_grad_norm: float = option(1.0, "largest norm of the flow's gradient", positive())
    distill_threshold: float | None = option(
        None, "mean loss of a pass that ends the iteration's passes (null: none)", positive()
    )
    deployment: str | None = option(
        None,
        "what a player executes; `residual_mean`: the kernel's mean; `residual_sample`: a sample "
        "of the kernel; `flow_ema`: the averaged flow alone; `flow`: the flow as it was distilled "
        "last, alone; `null`: `residual_mean` from zero noise if deterministic, else "
        "`residual_sample`, the policy that trains",
        one_of(DEPLOYMENTS),
    )


@dataclass(frozen=True)
class CPPOConfig(FlowPolicyConfig):
    """Everything of CPPO's in an rl_games YAML."""

    formerly: ClassVar[Mapping[str, Any]] = {
        **FlowPolicyConfig.formerly,
        "params.algo.contraction": 0.5,
    }
    deployments: ClassVar[tuple[str, ...]] = DEPLOYMENTS
    also_evaluated: ClassVar[tuple[str, ...]] = ("flow_ema",)

    algo: AlgoConfig = block("algo")
    flow: ReferenceFlowConfig = block("network.flow")
    residual: ResidualConfig = block("network.residual")

    def check(self, params: Mapping[str, Any]) -> None:
        if self.flow.based and self.residual.sigma is not None:
            raise ConfigError(
                f"params.network.residual.sigma: {self.residual.sigma:g} with flow.base: gaussian, "
                f"whose sigma is that of {flow_config.SPACE}; delete the line, or set sigma_init."
            )
        if self.flow.based and self.flow.noise_scale != 1:
            raise ConfigError(
                f"{flow_config.PATH}.noise_scale: {self.flow.noise_scale:g} with base: gaussian, "
                "which the policy starts as only where it is 1; delete the line, or set sigma_init "
                f"of {flow_config.SPACE}."
            )
        super().check(params)

    def departs(self) -> str | None:
        if self.residual.output_scale:
            return f"params.network.residual.output_scale: {self.residual.output_scale:g}"
        return super().departs()

    def summary(self) -> str:
        widths = f"flow {list(self.flow.units)}, residual {list(self.residual.units)}"
        return f"{self.flow.steps} steps, {widths}, {self.flow.place()}"
