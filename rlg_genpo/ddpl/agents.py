"""Which slice of the flat observation and action is whose. Standard library only.

Two hosts lead to a flat vector. Isaac Lab flattens its multi-agent tasks itself: rl_games sees one
agent. Other environments give rl_games several agents natively, and
:class:`rlg_genpo.common.joint.JointEnv` makes the same of them.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass
from typing import Any

from rlg_genpo.common.schema import at_least, option
from rlg_genpo.errors import ConfigError

AGENTS = "params.network.agents"


@dataclass(frozen=True)
class AgentConfig:
    """One entry of ``params.network.agents``: a slice of the flat observation and action."""

    name: str = option(MISSING, "the agent's name.")
    obs: int = option(MISSING, "O_i, how many observations are its own.", at_least(1))
    act: int = option(MISSING, "D_i, how many action components are its own.", at_least(1))


def agents_of(
    given: tuple[AgentConfig, ...] | None, info: Mapping[str, Any], env: Any
) -> tuple[AgentConfig, ...]:
    """The agents as the settings list them, or as the environments name them.

    A ConfigError says that nobody does, that both differ, or that the slices do not add up.
    """
    observation, action = info["observation_space"], info["action_space"]
    if observation.shape is None or len(observation.shape) != 1:
        raise ConfigError(
            f"{AGENTS}: the agents' slices need a flat observation vector, the environment's "
            f"observation is {observation}."
        )
    known = sizes_of(info, env)
    if given is not None and known is not None and given != known:
        raise ConfigError(
            f"{AGENTS}: {words(given)}; the environment has {words(known)}. List these, or "
            "leave the block out."
        )
    agents = given or known
    if agents is None:
        raise ConfigError(
            f"{AGENTS}: missing, and the environment does not say which of its "
            f"{observation.shape[0]} observations and {action.shape[0]} action components are "
            "whose; list each agent's {name, obs, act} in order."
        )
    check_sizes(agents, observation.shape[0], action.shape[0])
    return agents


def sizes_of(info: Mapping[str, Any], env: Any) -> tuple[AgentConfig, ...] | None:
    """The agents as the environment names them; None where it does not."""
    if "agent_sizes" in info:
        return tuple(AgentConfig(*sizes) for sizes in info["agent_sizes"])
    task = multi_agent_task(env)
    if task is None:
        return None
    return tuple(
        AgentConfig(str(name), size(task.observation_spaces[name]), size(task.action_spaces[name]))
        for name in task.possible_agents
    )


def multi_agent_task(env: Any) -> Any:
    """Isaac Lab's multi-agent environment under its wrappers; None where there is none."""
    for _ in range(8):  # wrappers may lead back to themselves
        if env is None or hasattr(env, "possible_agents"):
            return env
        inner = getattr(env, "env", None)
        env = getattr(env, "unwrapped", None) if inner is None else inner
    return None


def size(space: Any) -> int:
    """How many numbers a Box holds."""
    return math.prod(int(width) for width in space.shape)


def words(agents: Iterable[AgentConfig]) -> str:
    return ", ".join(f"{agent.name} (obs {agent.obs}, act {agent.act})" for agent in agents)


def check_agents(agents: Sequence[AgentConfig], shared_weights: bool) -> None:
    """Hold the agents against each other: their names, and their sizes under shared weights."""
    if not agents:
        raise ConfigError(f"{AGENTS}: must be a list of {{name, obs, act}}, got [].")
    names = [agent.name for agent in agents]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise ConfigError(f"{AGENTS}[{i}].name: {name!r} is named twice.")
        if "/" in name or not name:
            raise ConfigError(f"{AGENTS}[{i}].name: must be a word without '/', got {name!r}.")
    if shared_weights and len({(agent.obs, agent.act) for agent in agents}) > 1:
        sizes = ", ".join(f"{agent.name} {agent.obs} to {agent.act}" for agent in agents)
        raise ConfigError(
            f"params.network.diffusion.shared_weights: the agents differ in size ({sizes}); set it "
            "to False."
        )


def check_sizes(agents: Sequence[AgentConfig], obs: int, act: int) -> None:
    """Hold the slices against the widths of the flat observation and action."""
    for key, total, what in (("obs", obs, "observations"), ("act", act, "action components")):
        sizes = [getattr(agent, key) for agent in agents]
        if sum(sizes) != total:
            raise ConfigError(
                f"{AGENTS}: the agents' {key}, {' + '.join(map(str, sizes))} = {sum(sizes)}, must "
                f"add up to the environment's {total} {what}."
            )
