"""One large agent out of several: any vector of multi-agent environments, as rl_games sees one.

Observations and actions are put side by side in the agents' order, as Isaac Lab does to its
multi-agent tasks; it sums the rewards, here they are averaged, so that their size does not depend
on the number of agents. B environments, n agents; rows are environment-major.
"""

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from rl_games.common import vecenv
from rl_games.common.ivecenv import IVecEnv
from torch import Tensor

from rlg_genpo.errors import ConfigError
from rlg_genpo.host import compat, spaces


class AgentSize(NamedTuple):
    """One agent's slice of the joint observation and of the joint action."""

    name: str
    obs: int
    act: int


class JointEnv:
    """``vec_env`` with its agents joined; what is not named here is passed on to it.

    It is no IVecEnv, whose defaults would stand before what is passed on.

    Args:
        vec_env: gives B n rows of vectors, row = environment * n + agent, of torch or numpy.

    Raises:
        ConfigError: its observations or actions are no vectors.
    """

    def __init__(self, vec_env: IVecEnv) -> None:
        self.vec_env = vec_env
        info: dict[str, Any] = dict(vec_env.get_env_info() or {})
        self.agents = info.get("agents", 1)
        observed = joined_space(info["observation_space"], self.agents, "observations")
        acted = joined_space(info["action_space"], self.agents, "actions")
        obs, act = observed.shape[0] // self.agents, acted.shape[0] // self.agents
        sizes = tuple(AgentSize(f"agent_{i}", obs, act) for i in range(self.agents))
        self.env_info = {"agent_sizes": sizes} | info
        self.env_info |= {"agents": 1, "observation_space": observed, "action_space": acted}

    def __getattr__(self, name: str) -> Any:
        if name == "vec_env":  # not set yet: a copy is being unpickled
            raise AttributeError(name)
        return getattr(self.vec_env, name)

    def get_env_info(self) -> dict[str, Any]:
        """The wrapped environments', of one agent, and ``agent_sizes``."""
        return dict(self.env_info)

    def get_number_of_agents(self) -> int:
        return 1

    def reset(self) -> Any:
        """Observations (B, n O), beside states (B, S) where there are any."""
        return self._seen(self.vec_env.reset())

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any]:
        """One step of the wrapped environments.

        Args:
            actions: (B, n D).

        Returns:
            Observations as :meth:`reset` gives them; rewards (B,), the mean over the agents; dones
            (B,), where any agent's is; and infos, their tensors of B n rows reduced to B: flags
            such as ``time_outs`` hold where all agents' do, other numbers are averaged.
        """
        rows = actions.reshape(actions.shape[0] * self.agents, -1)
        seen, rewards, dones, infos = self.vec_env.step(rows)
        if isinstance(infos, Mapping):
            infos = {key: self._reduced(value, len(dones)) for key, value in infos.items()}
        return self._seen(seen), mean(self._split(rewards)), self._split(dones).any(1), infos

    def _seen(self, seen: Any) -> Any:
        if isinstance(seen, Mapping):  # the agents' observations beside the environment's states
            return {**seen, "obs": self._seen(seen["obs"])}
        return seen.reshape(seen.shape[0] // self.agents, -1)

    def _split(self, rows: Any) -> Any:
        """(B n, ...) as (B, n, ...)."""
        return rows.reshape(rows.shape[0] // self.agents, self.agents, *rows.shape[1:])

    def _reduced(self, value: Any, rows: int) -> Any:
        if getattr(value, "shape", ())[:1] != (rows,):
            return value
        parts = self._split(value)
        return parts.all(1) if str(value.dtype).endswith("bool") else mean(parts)


def made(params: dict[str, Any], joined: bool) -> dict[str, Any]:
    """A copy of ``params`` whose environments are made, and their spaces looked at.

    rl_games takes environments that are made already from ``params.config``.

    Args:
        joined: whether the agents of an environment become one.

    Raises:
        ConfigError: spaces that no network can be built on.
    """
    config = copy.copy(params["config"])
    if config.get("env_info") is None:
        config["vec_env"] = vecenv.create_vec_env(
            config["env_name"], config["num_actors"], **config.get("env_config", {})
        )
        config["env_info"] = config["vec_env"].get_env_info()
    spaces.check(config["env_info"])
    if joined and config["env_info"].get("agents", 1) > 1:
        config["vec_env"] = JointEnv(config["vec_env"])
        config["env_info"] = config["vec_env"].get_env_info()
    return {**params, "config": config}


def joined_space(space: Any, agents: int, noun: str) -> Any:
    """A vector's Box, repeated for every agent."""
    shape = getattr(space, "shape", None)
    if type(space).__name__ != "Box" or shape is None or len(shape) != 1:
        raise ConfigError(
            f"params.config.env_name: its agents' {noun} are no vectors, but {space}."
        )
    low, high = (torch.as_tensor(side).repeat(agents).numpy() for side in (space.low, space.high))
    return compat.spaces.Box(low, high, dtype=space.dtype)


def mean(parts: Any) -> Any:
    """(B, n, ...) over the agents, in single precision as rl_games keeps rewards."""
    single = parts.float() if isinstance(parts, Tensor) else parts.astype("float32")
    return single.mean(1)
