"""DDPL's settings; :mod:`rlg_genpo.ddpl.agent` says what is not the paper's."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from rlg_genpo.common.config import PolicyConfig, block, refuse_trunks
from rlg_genpo.common.flow_config import ACTIVATION_NAMES
from rlg_genpo.common.schema import at_least, even, one_of, option, positive, widths, within
from rlg_genpo.ddpl.agents import AgentConfig, agents_of, check_agents
from rlg_genpo.errors import ConfigError


@dataclass(frozen=True)
class DiffusionConfig:
    """``params.network.diffusion``: every agent's denoiser."""

    steps: int = option(20, "T, noise levels of the cosine schedule", at_least(2), identity=True)
    sampling_steps: int | None = option(
        None,
        "how many noise levels are gone through to act (null: all)",
        at_least(1),
        identity=True,
    )
    variance: str = option(
        "beta",
        "variance of each reverse step's noise; `beta`: beta_t; `posterior`: the posterior's, "
        "which narrows a policy that is refitted to its own samples",
        one_of(("beta", "posterior")),
        identity=True,
    )
    units: tuple[int, ...] = option((64, 64), "hidden widths of each denoiser's MLP", widths())
    activation: str = option(
        "silu", "activation of the denoisers' MLPs", one_of(ACTIVATION_NAMES), identity=True
    )
    time_embedding: int = option(16, "width of the time embedding, an even number", even())
    time_units: tuple[int, ...] = option(
        (32,), "hidden widths of the time embedding's MLP", widths()
    )
    output_scale: float = option(
        0.01, "factor on the denoiser's last layer at the start", at_least(0)
    )
    spread: float = option(
        0.6, "standard deviation of the actions at the start", positive(), identity=True
    )
    shared_weights: bool = option(
        False,
        "one denoiser and one action value for all agents; their sizes must agree",
        identity=True,
    )


@dataclass(frozen=True)
class ActionValueConfig:
    """``params.network.action_value``: A_i of Q_i(s, a_i) = V(s) + A_i(s, a_i); training only."""

    units: tuple[int, ...] = option((64, 64), "hidden widths of each action value's MLP", widths())
    activation: str = option(
        "silu", "activation of the action values' MLPs", one_of(ACTIVATION_NAMES)
    )


@dataclass(frozen=True)
class AlgoConfig:
    """``params.algo`` of DDPL, beside its ``name``."""

    proposals: int = option(16, "K, proposals per state and agent", at_least(1))
    proposal_noise: float = option(
        0.05,
        "standard deviation of the noise added to each proposal; it keeps a policy from narrowing "
        "for good",
        at_least(0),
    )
    proposal_states: float = option(
        1.0,
        "share of a rollout's states at which the policy is improved; they are drawn anew each "
        "iteration",
        within("(0, 1]", 0, 1, True),
    )
    kl_budget: float = option(
        0.05, "nats of an iteration's target from the policy, per agent", positive()
    )
    min_temperature: float = option(
        1e-3, "lower bound of tau_i, in standard deviations of the advantage", positive()
    )
    max_temperature: float = option(1e3, "upper bound of tau_i", positive())
    advantage_limit: float = option(
        3.0,
        "largest advantage that A_i is fitted to, in standard deviations; a rare disaster would "
        "otherwise take the whole budget",
        positive(),
    )
    tilt_limit: float | None = option(
        None,
        "largest |Q_i - its mean over proposals| / tau_i (null: none); a few states at which much "
        "is at stake would otherwise take the whole budget; ours",
        positive(),
    )
    control_variate: float = option(
        0.7,
        "share of the matching loss whose own noise is taken away; that noise has nothing to do "
        "with the weights; 0 is the plain loss, 1 never corrects a denoiser's own errors; ours",
        within("[0, 1]", 0, 1),
    )
    policy_epochs: int = option(8, "passes of score matching over the proposals", at_least(1))
    policy_minibatches: int = option(
        4, "minibatches of each pass; of the action values' passes too", at_least(1)
    )
    policy_lr: float | None = option(
        None,
        "learning rate of the denoisers' Adam (null: config.learning_rate); it falls as "
        "config.learning_rate does",
        positive(),
    )
    value_epochs: int = option(8, "passes of the action values over a rollout", at_least(1))
    value_average: float = option(
        0.8,
        "share that the action values' average keeps each iteration; proposals are weighted by the "
        "average",
        within("[0, 1)", 0, 1, open_high=True),
    )
    agent_grad_norm: float = option(
        1.0, "largest norm of each agent's gradient; each is clipped alone", positive()
    )


@dataclass(frozen=True)
class DDPLConfig(PolicyConfig):
    """Everything of DDPL's in an rl_games YAML; ``agents`` is None until the environments say."""

    removed: ClassVar[Mapping[str, Any]] = {
        "algo.weights": "marginal",
        "algo.proposal": "policy",
        "algo.weight_limit": 20.0,
    }

    algo: AlgoConfig = block("algo")
    agents: tuple[AgentConfig, ...] | None = block("network.agents")
    diffusion: DiffusionConfig = block("network.diffusion")
    action_value: ActionValueConfig = block("network.action_value")

    def check(self, params: Mapping[str, Any]) -> None:
        check_algo(self.algo)
        if self.agents is not None:
            check_agents(self.agents, self.diffusion.shared_weights)
        steps = self.diffusion.sampling_steps
        if steps is not None and steps > self.diffusion.steps:
            raise ConfigError(
                f"params.network.diffusion.sampling_steps: {steps} is more than steps, "
                f"{self.diffusion.steps}."
            )
        refuse_trunks(
            params["network"],
            "{trunk}: a denoiser sees its agent's observation itself and has no trunk; remove the "
            "block.",
        )
        if params["config"].get("lr_schedule") == "adaptive":
            raise ConfigError(
                "params.config.lr_schedule: adaptive measures a KL, and a diffusion policy has no "
                "likelihood to measure it by; use linear or constant. What an iteration may change "
                "is set by params.algo.kl_budget."
            )
        super().check(params)

    def spread(self) -> str:
        return "params.network.diffusion.spread"

    def resolve(self, env_info: Mapping[str, Any], env: Any) -> "DDPLConfig":
        agents = agents_of(self.agents, env_info, env)
        check_agents(agents, self.diffusion.shared_weights)
        return replace(self, agents=agents)

    @classmethod
    def adapt(cls, params: dict[str, Any]) -> dict[str, Any]:
        config = params["config"]
        if config["lr_schedule"] == "adaptive":
            ends = config.get("max_epochs", -1) != -1
            config["lr_schedule"] = "linear" if ends else "constant"
        return {}

    def summary(self) -> str:
        who = "agents from the environment"
        if self.agents is not None:
            who = ", ".join(f"{agent.name} ({agent.obs} to {agent.act})" for agent in self.agents)
        diffusion = self.diffusion
        shared = " shared" if diffusion.shared_weights else ""
        return f"{diffusion.steps} steps, denoiser {list(diffusion.units)}{shared}; {who}"


def check_algo(algo: AlgoConfig) -> None:
    """Hold the settings of ``params.algo`` against each other."""
    if algo.proposals == 1:
        raise ConfigError(
            "params.algo.proposals: 1 teaches nothing, since weights normalised over one proposal "
            "are all 1; use 8 to 64."
        )
    most = math.log(algo.proposals)
    if algo.kl_budget >= most:
        raise ConfigError(
            f"params.algo.kl_budget: {algo.kl_budget:g} is out of reach, since the weights of "
            f"{algo.proposals} proposals are at most log K = {most:.3g} nats from uniform; lower "
            "it."
        )
    if algo.min_temperature >= algo.max_temperature:
        raise ConfigError(
            f"params.algo.min_temperature: {algo.min_temperature:g} must be below "
            f"max_temperature, {algo.max_temperature:g}."
        )
