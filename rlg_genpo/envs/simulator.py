"""What is known of a simulator without making it, and how ours come into rl_games' tables."""

import importlib
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from rl_games.common import env_configurations, vecenv
from rl_games.common.ivecenv import IVecEnv

from rlg_genpo.common.schema import nearest, option
from rlg_genpo.errors import ConfigError

if TYPE_CHECKING:
    from rlg_genpo.envs.layout import Layout

logger = logging.getLogger(__name__)

#: where a simulator's own options stand
PATH = "params.config.env_config"


@dataclass(frozen=True, kw_only=True)
class SimulatorConfig:
    """``params.config.env_config``, as far as every simulator of ours understands it."""

    device: str | None = option(
        None, "of the tensors; params.config.device, or else CUDA if torch sees one, else cpu"
    )
    seed: int | None = option(None, "of the simulation; rl_games fills in params.seed")


class Simulator:
    """A simulator and its answers, which subclasses give where more is known.

    Args:
        name: ``params.config.env_name``.
        module: the Python module that it needs, if any.
        install: what pip installs where that module is missing.
    """

    #: whose own scripts make the environments, where nobody else can
    host: str | None = None
    #: the key of ``env_config`` that sets how many threads it simulates with
    thread_option: str | None = None

    def __init__(self, name: str, module: str | None = None, install: str | None = None) -> None:
        self.name = name
        self.module = module
        self.install = install

    def load(self) -> Any:
        """The simulator's own module.

        Raises:
            ConfigError: it is not installed.
        """
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
        """Several agents as rl_games is to see them; None where there are none, or none is known.

        Raises:
            ConfigError: as :meth:`check`.
        """
        return None

    def agents(self, config: Mapping[str, Any]) -> int:
        """Rows that an environment gives rl_games in a step: more than 1 with native agents."""
        layout = self.layout(config)
        return 1 if layout is None else layout.agents

    def spaces(self, config: Mapping[str, Any]) -> tuple[Any, Any] | None:
        """Observation and action space of a row; None where only the simulator knows them."""
        layout = self.layout(config)
        if layout is None:
            return None
        info = layout.env_info()
        return info["observation_space"], info["action_space"]

    def check(self, config: Mapping[str, Any]) -> None:
        """Whether the environments of ``params.config`` can be made, without making them all.

        Raises:
            ConfigError: naming the key, the value and the way out.
        """
        known = env_configurations.configurations
        if self.name not in known:
            raise ConfigError(
                f"params.config.env_name: rl_games knows no environment {self.name!r}"
                f"{nearest(self.name, known)}"
            )

    def check_file(self, params: Mapping[str, Any]) -> None:
        """Whether ``params`` holds what the scripts of :attr:`host` read there.

        Raises:
            ConfigError: naming the key and the way out.
        """

    def words(self, config: Mapping[str, Any]) -> str:
        """What the scripts of :attr:`host` take on their command line to find the configuration."""
        return ""

    def is_foreign(self) -> bool:
        """Whether another package has taken the name, so that nothing here holds."""
        return False

    def register(self) -> None:
        """Enter the name into rl_games' tables, where it does not stand there. May be repeated."""

    def prepare(self, config: dict[str, Any]) -> None:
        """Check ``params.config`` and complete it for rl_games; leaves another simulator's alone.

        Raises:
            ConfigError: as :meth:`check`.
        """


class Adapter(Simulator):
    """A simulator that we bring into rl_games.

    Args:
        make: a vector of environments from their number and ``env_config``.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[int, Mapping[str, Any]], IVecEnv],
        module: str | None = None,
        install: str | None = None,
    ) -> None:
        super().__init__(name, module, install)
        self._make = make
        self._configuration = {"vecenv_type": name, "env_creator": self.make_one}

    def make(self, name: str, num_actors: int, **options: Any) -> IVecEnv:
        """For rl_games' table of vectorised environments."""
        return self._make(num_actors, options)

    def make_one(self, **options: Any) -> IVecEnv:
        """For rl_games' player, which makes its environment from ``env_config`` alone."""
        return self._make(1, options)

    def check(self, config: Mapping[str, Any]) -> None:
        raise NotImplementedError

    def is_foreign(self) -> bool:
        standing = env_configurations.configurations.get(self.name, self._configuration)
        return standing is not self._configuration

    def register(self) -> None:
        if self.is_foreign():
            # Another package's environment must not keep the rest of this one from being imported.
            logger.warning("env_name: another package has registered %r; ours is not.", self.name)
            return
        vecenv.register(self.name, self.make)
        env_configurations.register(self.name, self._configuration)

    def prepare(self, config: dict[str, Any]) -> None:
        """Check ``params.config``, and put its device into ``env_config`` where none is given."""
        if config.get("env_name") != self.name or self.is_foreign():
            return
        self.check(config)
        # Under multi_gpu rl_games gives every rank a device later, by LOCAL_RANK, as we do.
        if "device" in config and not config.get("multi_gpu"):
            config["env_config"] = {"device": config["device"], **(config.get("env_config") or {})}


class AdaptedEnv(IVecEnv):
    """A vector of environments whose tensors rl_games' agent takes as they are.

    A simulator sets ``device``, that of its tensors.
    """

    device: torch.device

    def set_train_info(self, env_frames: int, *args: Any, **kwargs: Any) -> None:
        """Called by rl_games' agent before each rollout; its second argument is the agent.

        Raises:
            ConfigError: the agent and the environments are on different devices.
        """
        for agent in args[:1]:
            refuse_other_device(agent, self.device)


def device_of(device: str | None) -> str:
    """``env_config.device``, or by default CUDA (of LOCAL_RANK) if torch sees one, else cpu.

    Raises:
        ConfigError: torch does not know it, or CUDA is asked for and not there.
    """
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


def resolved(device: Any) -> torch.device:
    """A device with its index: torch takes ``cuda`` for the current one."""
    device = torch.device(device)
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", torch.cuda.current_device())
    return device


def refuse_other_device(agent: Any, device: Any) -> None:
    """An agent and its environments share their tensors.

    Raises:
        ConfigError: rl_games' agent and the environments are on different devices.
    """
    if resolved(agent.ppo_device) != resolved(device):
        raise ConfigError(
            f"{PATH}.device: {device}, but params.config.device is {agent.ppo_device}; set both to "
            "the same."
        )


def refuse_critic(config: Mapping[str, Any], name: str) -> None:
    """A critic of its own needs states, which not every simulator has.

    Raises:
        ConfigError: ``params.config`` asks for one.
    """
    if config.get("central_value_config") is not None:
        raise ConfigError(
            f"params.config.central_value_config: needs states, but {name} has none beside its "
            "observations; remove the block."
        )
