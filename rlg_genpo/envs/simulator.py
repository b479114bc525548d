"""What is known of a simulator without making it, and how ours come into rl_games' tables.

What checks or parses a configuration raises ConfigError, which names the key, the value and the way
out.
"""

import importlib
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from rl_games.common import env_configurations, vecenv
from rl_games.common.ivecenv import IVecEnv

from rlg_genpo.common.schema import nearest, option, parse
from rlg_genpo.errors import ConfigError

if TYPE_CHECKING:
    from rlg_genpo.envs.agents import Layout

logger = logging.getLogger(__name__)

#: where a simulator's own options stand
PATH = "params.config.env_config"
#: why there is no central critic without states
STATES_ARE_OFF = f"needs states, but {PATH}.states is False; set it to True."


@dataclass(frozen=True, kw_only=True)
class SimulatorConfig:
    """``params.config.env_config``, as far as every simulator of ours understands it."""

    device: str | None = option(
        None, "of the tensors; params.config.device, or else CUDA if torch sees one, else cpu"
    )
    seed: int | None = option(None, "of the simulation; rl_games fills in params.seed")

    def __post_init__(self) -> None:
        """Hold the options against each other and against the machine."""
        device_of(self.device)


@dataclass(eq=False)
class Simulator:
    """A simulator and its answers, which subclasses give where more is known."""

    #: ``params.config.env_name``
    name: str
    #: the Python module that it needs, if any
    module: str | None = None
    #: what pip installs where that module is missing
    install: str | None = None

    #: whose own scripts make the environments, where nobody else can
    host: ClassVar[str | None] = None
    #: the key of ``env_config`` that sets how many threads it simulates with
    thread_option: ClassVar[str | None] = None

    def load(self) -> Any:
        """The simulator's own module, never imported before an environment is made or checked."""
        assert self.module is not None
        try:
            return importlib.import_module(self.module)
        except ModuleNotFoundError as error:
            if error.name != self.module:
                raise
            raise ConfigError(
                f"params.config.env_name: {self.module.replace('_', '-')} is not installed; "
                f'pip install "{self.install}".'
            ) from error

    def task(self, config: Mapping[str, Any]) -> str:
        """The task's name for people."""
        options = config.get("env_config") or {}
        names = (options.get(key) for key in ("env_name", "name", "scenario"))
        return str(next(filter(None, names), self.name))

    def layout(self, config: Mapping[str, Any]) -> "Layout | None":
        """How rl_games is to see several agents; None where there are none, or none is known."""
        return None

    def agents(self, config: Mapping[str, Any]) -> int:
        """Rows that an environment gives rl_games in a step: more than 1 with native agents."""
        layout = self.layout(config)
        return 1 if layout is None else layout.agents

    def spaces(self, config: Mapping[str, Any]) -> tuple[Any, Any] | None:
        """Observation and action space of a row; None where only the simulator knows them."""
        return None

    def check(self, config: Mapping[str, Any]) -> None:
        """Refuse a ``params.config`` whose environments cannot be made, without making them all."""
        known = env_configurations.configurations
        if self.name not in known:
            raise ConfigError(
                f"params.config.env_name: rl_games knows no environment {self.name!r}"
                f"{nearest(self.name, known)}"
            )

    def check_file(self, params: Mapping[str, Any]) -> None:
        """Refuse ``params`` without what the scripts of :attr:`host` read there."""

    def command(self, config: Mapping[str, Any]) -> str:
        """What trains the configuration by the scripts of :attr:`host`."""
        return ""

    def is_foreign(self) -> bool:
        """Whether another package has taken the name, so that nothing here holds."""
        return False

    def register(self) -> None:
        """Enter the name into rl_games' tables, where it does not stand there. May be repeated."""

    def prepare(self, config: dict[str, Any]) -> None:
        """Check ``params.config`` of this simulator, and complete it for rl_games."""


class Adapter(Simulator):
    """A simulator that we bring into rl_games; a single environment is asked what it looks like.

    Args:
        env: makes a vector of environments from their number and ``env_config``.
        options: what ``env_config`` is parsed into.
    """

    def __init__(
        self,
        name: str,
        env: Callable[[int, Any], Any],
        options: type[SimulatorConfig],
        module: str | None = None,
        install: str | None = None,
    ) -> None:
        super().__init__(name, module, install)
        self.env = env
        self.options = options
        # rl_games' player makes its environment from env_config alone.
        self._configuration = {
            "vecenv_type": name,
            "env_creator": lambda **options: self.env(1, options),
        }

    def single(self, config: Mapping[str, Any]) -> Any:
        """One environment of ``params.config``, to look at: on the CPU unless told otherwise."""
        options = config.get("env_config")
        parse(self.options, options, PATH)
        env = self.env(1, {"device": "cpu", **(options or {})})
        env.close()
        return env

    def layout(self, config: Mapping[str, Any]) -> "Layout | None":
        return getattr(self.single(config), "layout", None)

    def spaces(self, config: Mapping[str, Any]) -> tuple[Any, Any] | None:
        env = self.single(config)
        return env.observation_space, env.action_space

    def check(self, config: Mapping[str, Any]) -> None:
        parse(self.options, config.get("env_config"), PATH)
        refuse_critic(
            config,
            f"needs states, but {self.name} has none beside its observations; remove the block.",
        )

    def is_foreign(self) -> bool:
        standing = env_configurations.configurations.get(self.name, self._configuration)
        return standing is not self._configuration

    def register(self) -> None:
        if self.is_foreign():
            # Another package's environment must not keep the rest of this one from being imported.
            logger.warning("env_name: another package has registered %r; ours is not.", self.name)
            return
        vecenv.register(self.name, lambda _, num_actors, **options: self.env(num_actors, options))
        env_configurations.register(self.name, self._configuration)

    def prepare(self, config: dict[str, Any]) -> None:
        """Check ``params.config``, and put its device into ``env_config`` where none is given."""
        self.check(config)
        # Under multi_gpu rl_games gives every rank a device later, by LOCAL_RANK, as we do.
        if "device" in config and not config.get("multi_gpu"):
            config["env_config"] = {"device": config["device"], **(config.get("env_config") or {})}


def refuse_critic(config: Mapping[str, Any], why: str) -> None:
    """Refuse ``central_value_config``, if ``params.config`` has it."""
    if config.get("central_value_config") is not None:
        raise ConfigError(f"params.config.central_value_config: {why}")


class AdaptedEnv(IVecEnv):
    """A vector of environments whose tensors rl_games' agent takes as they are.

    A subclass is made from the number of environments, B, and ``params.config.env_config``, which
    it checks. It sets ``device``, that of its tensors, and ``env_info``, its spaces at least.

    ``reset`` returns the first observations of new episodes. ``step`` takes one step of every
    environment and returns observations (of the new episode where one ended), rewards, dones of
    bool, and infos: ``time_outs``, as dones, where an episode ended at its time limit alone.
    """

    device: torch.device
    env_info: dict[str, Any]

    def get_env_info(self) -> dict[str, Any]:
        return {"state_space": None, "agents": 1, "value_size": 1} | self.env_info

    @property
    def observation_space(self) -> Any:
        """Asked by rl_games' player of a single environment, as is ``action_space``."""
        return self.env_info["observation_space"]

    @property
    def action_space(self) -> Any:
        return self.env_info["action_space"]

    def get_number_of_agents(self) -> int:
        return self.get_env_info()["agents"]

    def close(self) -> None:
        """Give back what the simulator holds."""

    def set_train_info(self, env_frames: int, *args: Any, **kwargs: Any) -> None:
        """Called by rl_games' agent before each rollout; its second argument is the agent.

        Raises:
            ConfigError: the agent and the environments are on different devices.
        """
        for agent in args[:1]:
            # A tensor's device has its index, where ``cuda`` alone means the current one.
            used = {torch.empty(0, device=d).device for d in (agent.ppo_device, self.device)}
            if len(used) > 1:
                raise ConfigError(
                    f"{PATH}.device: {self.device}, but params.config.device is "
                    f"{agent.ppo_device}; set both to the same."
                )


def device_of(device: str | None) -> str:
    """``env_config.device``, or by default CUDA (of LOCAL_RANK) if torch sees one, else cpu."""
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise ConfigError(
            f"{PATH}.device: torch knows no device {device!r}; use cpu or cuda."
        ) from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"{PATH}.device: {device}, but torch sees no CUDA device; use cpu.")
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if device == "cuda" else device
