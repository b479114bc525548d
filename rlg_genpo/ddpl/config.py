"""DDPL's YAML blocks.

What is the paper's and what is our reconstruction: :mod:`rlg_genpo.ddpl.agent`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass
from typing import Any, ClassVar

from rlg_genpo.common import checks
from rlg_genpo.common import flow_config as flow
from rlg_genpo.common.schema import at_least, one_of, option, parse, positive, widths, within
from rlg_genpo.errors import ConfigError

AGENTS = "params.network.agents"
DIFFUSION = "params.network.diffusion"
VARIANCES = ("beta", "posterior")
WEIGHTS = ("marginal", "joint_advantage")
PROPOSALS = ("policy", "reverse_kernel")


@dataclass(frozen=True)
class AgentConfig:
    """One entry of ``params.network.agents``: a slice of the flat observation and action."""

    name: str = option(MISSING, "the agent's name.")
    obs: int = option(MISSING, "O_i, how many observations are its own.", at_least(1))
    act: int = option(MISSING, "D_i, how many action components are its own.", at_least(1))


@dataclass(frozen=True)
class DiffusionConfig:
    """``params.network.diffusion``: every agent's denoiser."""

    steps: int = option(20, "T, noise levels of the cosine schedule", at_least(2))
    sampling_steps: int | None = option(
        None, "how many of them are gone through to act; T if not given", at_least(1)
    )
    variance: str = option(
        "beta",
        "of each reverse step's noise: beta_t, or the posterior's, which narrows a policy that is "
        "refitted to its own samples",
        one_of(VARIANCES),
    )
    units: tuple[int, ...] = option((64, 64), "hidden widths of each denoiser's MLP", widths())
    activation: str = option("silu", "of that MLP", one_of(flow.ACTIVATION_NAMES))
    time_embedding: int = option(16, "width of the time embedding, even", at_least(2))
    time_units: tuple[int, ...] = option((32,), "hidden widths of its MLP", widths())
    output_scale: float = option(
        0.01, "factor on the denoiser's last layer at the start", at_least(0)
    )
    spread: float = option(0.6, "standard deviation of the actions at the start", positive())
    shared_weights: bool = option(
        False, "one denoiser and one action value for all agents, whose sizes must agree"
    )


@dataclass(frozen=True)
class ActionValueConfig:
    """``params.network.action_value``: A_i of Q_i(s, a_i) = V(s) + A_i(s, a_i); training only."""

    units: tuple[int, ...] = option((64, 64), "hidden widths of each agent's MLP", widths())
    activation: str = option("silu", "of that MLP", one_of(flow.ACTIVATION_NAMES))


@dataclass(frozen=True)
class DDPLConfig:
    """``params.algo`` of DDPL, beside its ``name``."""

    name: str = option("ddpl", "the algorithm")
    weights: str = option(
        "marginal",
        "softmax of each agent's own Q_i over its proposals; or exp of the joint advantage of the "
        "executed action, another and optimistic rule",
        one_of(WEIGHTS),
    )
    proposal: str = option(
        "policy",
        "where proposals come from: the policy itself, or the reverse kernel around a noisy "
        "action, which asks Q_i far from the data and so needs a replay buffer, that is not here",
        one_of(PROPOSALS),
    )
    proposals: int = option(16, "K, proposals per state and agent", at_least(1))
    proposal_noise: float = option(
        0.05, "standard deviation of the noise added to each of the policy's proposals", at_least(0)
    )
    proposal_states: float = option(
        1.0,
        "share of a rollout's states, drawn anew each iteration, at which the policy is improved",
        within("(0, 1]", 0, 1, True),
    )
    kl_budget: float = option(
        0.05, "nats that an iteration's target may be away from the policy, per agent", positive()
    )
    min_temperature: float = option(
        1e-3, "lower bound of tau_i, in advantage deviations", positive()
    )
    max_temperature: float = option(1e3, "upper bound of tau_i", positive())
    advantage_limit: float = option(
        3.0,
        "largest advantage that A_i is fitted to, in its standard deviations: a rare disaster "
        "would otherwise take the whole budget",
        positive(),
    )
    tilt_limit: float | None = option(
        None,
        "largest |Q_i - its mean over the proposals| / tau_i, where a few states at which much is "
        "at stake would take the whole budget; none if not given; ours",
        positive(),
    )
    weight_limit: float = option(20.0, "largest weight of joint_advantage", at_least(1))
    control_variate: float = option(
        0.7,
        "share of the matching loss whose own noise, that has nothing to do with the weights, is "
        "taken away; 0 is the plain loss, 1 never corrects a denoiser's own errors; ours",
        within("[0, 1]", 0, 1),
    )
    policy_epochs: int = option(8, "passes of score matching over the proposals", at_least(1))
    policy_minibatches: int = option(
        4, "minibatches of each pass, of the action values too", at_least(1)
    )
    policy_lr: float | None = option(
        None,
        "of the denoisers' Adam, falling as params.config.learning_rate does; that itself if not "
        "given",
        positive(),
    )
    value_epochs: int = option(8, "passes of the action values over a rollout", at_least(1))
    value_average: float = option(
        0.8,
        "share of itself that the average of the action values keeps in each iteration; proposals "
        "are weighed by the average",
        within("[0, 1)", 0, 1, open_high=True),
    )
    agent_grad_norm: float = option(
        1.0, "largest norm of each agent's gradient, apart from the others'", positive()
    )


@dataclass(frozen=True)
class DDPLSettings:
    """Everything of ours in a DDPL YAML, and the checks that span several blocks."""

    #: what a player may be told to execute, beside the policy's default
    deployments: ClassVar[tuple[str, ...]] = ()

    algo: DDPLConfig
    agents: tuple[AgentConfig, ...] | None  # None until the environment says
    diffusion: DiffusionConfig
    action_value: ActionValueConfig

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> "DDPLSettings":
        """Parse ``params`` of an rl_games YAML.

        Raises:
            ConfigError: naming the key, the value and the way out.
        """
        algo = parse(DDPLConfig, params.get("algo"), "params.algo")
        check_algo(algo)
        network = checks.block_at(params, "network")
        agents, diffusion = parse_agents(network), parse_diffusion(network)
        if agents is not None:
            check_shared(agents, diffusion)
        checks.check_names(params, "ddpl", "ddpl_actor_critic")
        config = checks.block_at(params, "config")
        if config.get("lr_schedule") == "adaptive":
            raise ConfigError(
                "params.config.lr_schedule: adaptive measures a KL, and a diffusion policy has no "
                "likelihood to measure it by; use linear or constant. What an iteration may change "
                "is set by params.algo.kl_budget."
            )
        checks.check_schedule(config, None)
        return cls(algo, agents, diffusion, parse_action_value(network))

    def head(self) -> dict[str, Any]:
        """What a checkpoint's policy depends on beside the shapes of its tensors, by YAML key."""
        keys = ("steps", "sampling_steps", "variance", "activation", "spread", "shared_weights")
        agents = None if self.agents is None else [asdict(agent) for agent in self.agents]
        return {
            AGENTS: agents,
            **{f"{DIFFUSION}.{key}": getattr(self.diffusion, key) for key in keys},
        }

    def summary(self) -> str:
        """The policy in a few words, for ``rlg-genpo check``."""
        who = "agents from the environment"
        if self.agents is not None:
            who = ", ".join(f"{agent.name} ({agent.obs} to {agent.act})" for agent in self.agents)
        diffusion = self.diffusion
        shared = " shared" if diffusion.shared_weights else ""
        return f"{diffusion.steps} steps, denoiser {list(diffusion.units)}{shared}; {who}"


def check_algo(algo: DDPLConfig) -> None:
    """The settings of ``params.algo`` against each other."""
    if algo.weights == "marginal" and algo.proposals == 1:
        raise ConfigError(
            "params.algo.proposals: 1 teaches nothing, since weights normalised over one proposal "
            "are all 1; use 8 to 64, or weights: joint_advantage."
        )
    if algo.weights == "joint_advantage" and algo.proposal == "reverse_kernel":
        raise ConfigError(
            "params.algo.proposal: reverse_kernel proposes actions of which no joint advantage is "
            "known; use weights: marginal."
        )
    most = math.log(algo.proposals)
    if algo.weights == "marginal" and algo.kl_budget >= most:
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


def parse_agents(network: Mapping[str, Any]) -> tuple[AgentConfig, ...] | None:
    """``agents:`` of a network block; None where it is left to the environment."""
    checks.refuse_misspelt(network, "agents", "params.network")
    given = network.get("agents")
    if given is None:
        return None
    if isinstance(given, str) or not isinstance(given, Sequence) or not given:
        raise ConfigError(f"{AGENTS}: must be a list of {{name, obs, act}}, got {given!r}.")
    agents = tuple(parse(AgentConfig, one, f"{AGENTS}[{i}]") for i, one in enumerate(given))
    names = [agent.name for agent in agents]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise ConfigError(f"{AGENTS}[{i}].name: {name!r} is named twice.")
        if "/" in name or not name:
            raise ConfigError(f"{AGENTS}[{i}].name: must be a word without '/', got {name!r}.")
    return agents


def check_shared(agents: Sequence[AgentConfig], diffusion: DiffusionConfig) -> None:
    """Agents of different sizes cannot share their weights."""
    if diffusion.shared_weights and len({(agent.obs, agent.act) for agent in agents}) > 1:
        sizes = ", ".join(f"{agent.name} {agent.obs} to {agent.act}" for agent in agents)
        raise ConfigError(
            f"{DIFFUSION}.shared_weights: the agents differ in size ({sizes}); set it to False."
        )


def check_sizes(agents: Sequence[AgentConfig], obs: int, act: int) -> None:
    """The slices add up to the flat observation and action.

    Raises:
        ConfigError: they do not; shows the sum and what the environment has.
    """
    for key, total in (("obs", obs), ("act", act)):
        sizes = [getattr(agent, key) for agent in agents]
        if sum(sizes) != total:
            what = "observations" if key == "obs" else "action components"
            raise ConfigError(
                f"{AGENTS}: the agents' {key}, {' + '.join(map(str, sizes))} = {sum(sizes)}, must "
                f"add up to the environment's {total} {what}."
            )


def parse_diffusion(network: Mapping[str, Any]) -> DiffusionConfig:
    """``diffusion:`` of a network block."""
    checks.refuse_misspelt(network, "diffusion", "params.network")
    diffusion = parse(DiffusionConfig, network.get("diffusion"), DIFFUSION)
    if diffusion.time_embedding % 2:
        raise ConfigError(
            f"{DIFFUSION}.time_embedding: must be even, got {diffusion.time_embedding}."
        )
    steps = diffusion.sampling_steps
    if steps is not None and steps > diffusion.steps:
        raise ConfigError(
            f"{DIFFUSION}.sampling_steps: {steps} is more than the {diffusion.steps} of steps."
        )
    for trunk in ("rnn", "cnn"):
        if trunk in network:
            raise ConfigError(
                f"params.network.{trunk}: a denoiser sees its agent's observation itself and has "
                "no trunk; remove the block."
            )
    return diffusion


def parse_action_value(network: Mapping[str, Any]) -> ActionValueConfig:
    """``action_value:`` of a network block."""
    checks.refuse_misspelt(network, "action_value", "params.network")
    return parse(ActionValueConfig, network.get("action_value"), "params.network.action_value")
