"""VMAS's multi-agent scenarios under rl_games: ``params.config.env_name: vmas``.

VMAS (https://github.com/proroklab/VectorizedMultiAgentSimulator) is a vectorised 2D simulator in
torch; the multi-agent particle scenarios are among its own. Its dones are asked for in two, ended
and out of time, so that rl_games can bootstrap the second kind. :mod:`rlg_genpo.envs.agents` says
how its lists of the agents' tensors become single ones. Rewards and ends are those of the step
before a new episode begins, observations those after it, so no step is lost.

VMAS draws all its random numbers, of all environments in a process, from one sequence of its own.
B environments, n agents.
"""

import inspect
import warnings
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any

import torch
from torch import Tensor

from rlg_genpo.common.schema import at_least, option, parse, unknown
from rlg_genpo.envs.agents import AgentsConfig, AgentsEnv, AgentSize, AgentsSimulator, Seen, Step
from rlg_genpo.envs.simulator import PATH, device_of
from rlg_genpo.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class VmasConfig(AgentsConfig):
    """``params.config.env_config``; the number of environments is ``params.config.num_actors``."""

    scenario: str = option(MISSING, "VMAS's name of it, such as simple_spread or navigation.")
    max_steps: int = option(100, "steps after which an episode ends at the latest", at_least(1))
    options: Mapping | None = option(None, "the scenario's own keyword arguments, as n_agents: 4")


class VmasEnv(AgentsEnv):
    """A vector of B environments of one scenario."""

    def __init__(self, num_actors: int, options: Mapping[str, Any]) -> None:
        self.settings = parse(VmasConfig, options, PATH)
        self.env = made(self.settings, num_actors)
        sizes = sizes_of(self.env, self.settings.scenario)
        ranges = self.env.action_space
        super().__init__(num_actors, self.settings, sizes, ranges, self.env.device)

    def seed(self, seed: int | None) -> None:
        """Begin VMAS's sequence of random numbers anew; None is 0."""
        self.env.seed(seed)

    def reset(self) -> Seen:
        return self.layout.observations(self.env.reset())

    def _advance(self, actions: list[Tensor]) -> Step:
        seen, rewards, failed, late, _ = self.env.step(actions)
        done = failed | late
        return Step(self._renewed(seen, done) if done.any() else seen, rewards, failed, late)

    def _renewed(self, seen: list[Tensor], done: Tensor) -> list[Tensor]:
        """New episodes where ``done`` (B,): the observations with theirs."""
        if done.all():
            return self.env.reset()
        for index in done.nonzero().flatten().tolist():
            self.env.reset_at(index, return_observations=False)
        fresh = self.env.get_from_scenario(
            get_observations=True, get_rewards=False, get_infos=False, get_dones=False
        )[0]
        # Only the ended ones: a scenario with noisy sensors would show the others another picture.
        where = done.unsqueeze(-1)
        return [torch.where(where, new, old) for new, old in zip(fresh, seen, strict=True)]

    def _grow_older(self, share: Tensor) -> None:
        self.env.steps += (share.to(self.device) * self.settings.max_steps).floor()


def made(settings: VmasConfig, num_envs: int) -> Any:
    """VMAS's ``Environment``; refuses a scenario, or options of it, that VMAS does not know."""
    module = SIMULATOR.load()
    known = sorted(module.scenarios + module.debug_scenarios + module.mpe_scenarios)
    if settings.scenario not in known:
        raise ConfigError(f"{PATH}.scenario: {unknown(settings.scenario, known, 'scenario')}")
    where = f"{PATH}.options: {settings.scenario}"
    for key in settings.options or {}:
        if key in inspect.signature(module.make_env).parameters:
            raise ConfigError(f"{PATH}.options.{key}: is VMAS's, not the scenario's; remove it.")
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            env = module.make_env(
                settings.scenario,
                num_envs,
                device=device_of(settings.device),
                max_steps=settings.max_steps,
                seed=settings.seed,
                terminated_truncated=True,
                **(settings.options or {}),
            )
    except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError) as error:
        if not settings.options:
            raise
        raise ConfigError(
            f"{where} does not take {dict(settings.options)} ({type(error).__name__}: {error})."
        ) from error
    for warning in warned:
        # VMAS itself only warns of an option that no one reads.
        if "not used by the scenario" in str(warning.message):
            raise ConfigError(f"{where}: {warning.message}")
    return env


def sizes_of(env: Any, scenario: str) -> list[AgentSize]:
    """The agents' sizes, in VMAS's order and under its names; observations must be vectors."""
    sizes = []
    for agent, seen in zip(env.agents, env.observation_space, strict=True):
        shape = getattr(seen, "shape", None)
        if shape is None or len(shape) != 1:
            raise ConfigError(
                f"{PATH}.options: {scenario} gives {agent.name} observations in parts; choose "
                "options with which they are vectors."
            )
        sizes.append(AgentSize(agent.name, shape[0], env.get_agent_action_size(agent)))
    return sizes


SIMULATOR = AgentsSimulator("vmas", VmasEnv, VmasConfig, "vmas", "rlg_genpo[marl]")
