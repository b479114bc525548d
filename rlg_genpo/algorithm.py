"""What the rest of the package may know of a policy, and the table of all policies.

A policy's folder declares one :class:`Algorithm`; nobody outside the folder compares its name. The
table holds ours and those that other packages declare by an entry point of the group
``rlg_genpo.algorithms``. Standard library only: this is read while ``import gym`` runs and by
commands that never train, so the parts that need torch are named and imported when they are used.
"""

import functools
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pkgutil import resolve_name as load
from typing import Any

from rlg_genpo.common import yaml_head
from rlg_genpo.common.config import PolicyConfig, block_at
from rlg_genpo.errors import ConfigError
from rlg_genpo.host import batch, check, keys
from rlg_genpo.host.import_hook import is_complete

logger = logging.getLogger(__name__)

#: our policies, a folder each
FOLDERS = ("rlg_genpo.genpo", "rlg_genpo.cppo", "rlg_genpo.ddpl")
#: entry points of other packages, each an :class:`Algorithm`
GROUP = "rlg_genpo.algorithms"


@dataclass(frozen=True)
class Paper:
    """Where a policy is published."""

    title: str
    year: int
    url: str


@dataclass(frozen=True)
class Algorithm:
    """A policy's declaration. Classes are named as ``"module:Class"``, as gymnasium does."""

    name: str  # of ``algo.name`` and ``model.name``
    title: str  # for people
    #: its settings; network, agent and player receive the parsed ones
    config: type[PolicyConfig]
    network: str  # a :class:`rlg_genpo.common.network.PolicyBuilder`
    agent: str  # made from (base_name, params, settings)
    player: str  # made from (params, settings)
    paper: Paper | None = None
    #: named sets of settings, by path below ``params``, that differ from the defaults
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: whether it takes all agents of an environment together, as one row
    joins_agents: bool = False
    #: a comment that ``rlg-genpo swap`` writes at the file's head
    swap_note: str = ""

    @property
    def network_name(self) -> str:
        """The name of its network, ``network.name``."""
        return f"{self.name}_actor_critic"

    def parse(self, params: Mapping[str, Any]) -> PolicyConfig:
        """The policy's settings from ``params`` of an rl_games YAML.

        In rl_games' own blocks numbers that stand as text, as YAML 1.1 reads 1e-3, become numbers.

        Raises:
            ConfigError: naming the key, the value and the way out.
        """
        for sentence in self.check(params):
            logger.warning("%s", sentence)
        return self.settings(params)

    def check(self, params: Mapping[str, Any]) -> list[str]:
        """Check rl_games' own blocks; what it returns and raises is :func:`host.check.check`'s."""
        name = block_at(params, "network").get("name", self.network_name)
        owned = [path.removeprefix("network.") for path in policy_blocks()]
        return check.check(params, owned=owned, trunk=name == self.network_name)

    def settings(self, params: Mapping[str, Any]) -> PolicyConfig:
        """The policy's own part of :meth:`parse`."""
        refuse_other_blocks(self, params)
        settings = self.config.parse(params)
        check_names(params, self.name, self.network_name)
        return settings

    def yaml_head(self, values: Mapping[str, Any], rest: str = "") -> str:
        """The policy's part of a YAML as text: :func:`rlg_genpo.common.yaml_head.head`."""
        return yaml_head.head(self.config, self.name, self.network_name, values, rest)

    def make_agent(
        self, base_name: str, params: dict[str, Any], settings: PolicyConfig | None = None
    ) -> Any:
        """An agent for rl_games; ``settings`` are those of ``params`` where they are parsed."""
        return load(self.agent)(base_name, *self._settled(params, settings, trains=True))

    def make_player(self, params: dict[str, Any], settings: PolicyConfig | None = None) -> Any:
        """A player for rl_games; ``settings`` as for an agent."""
        return load(self.player)(*self._settled(params, settings, trains=False))

    def _settled(
        self, params: dict[str, Any], settings: PolicyConfig | None, trains: bool
    ) -> tuple[dict[str, Any], PolicyConfig]:
        settings = self.parse(params) if settings is None else settings
        # On rl_games' own params, which its Runner reads again: what is chosen must stand there.
        load("rlg_genpo.common.machine:admit")(params)
        if not (trains or self.joins_agents):
            return params, settings
        params = load("rlg_genpo.common.joint:made")(params, self.joins_agents)
        config = params["config"]
        if trains:
            batch.check_batch(params, config["env_info"].get("agents", 1))
        return params, settings.resolve(config["env_info"], config.get("vec_env"))


_FOUND: dict[str, Algorithm] = {}
_READ: set[str] = set()


def algorithms() -> dict[str, Algorithm]:
    """Every policy by its name: ours, then other packages'.

    A package that is half imported now, since its own import led here, is read at the next call.
    """
    points = [f"{folder}:ALGORITHM" for folder in FOLDERS]
    for point in (*points, *entry_points()):
        module = point.partition(":")[0]
        if point in _READ or (module in sys.modules and not is_complete(module)):
            continue
        _READ.add(point)
        # Another package's mistake must not keep the other policies from being used.
        try:
            algorithm = load(point)
        except Exception as error:
            logger.warning("entry point %s of the group %s is left out: %r", point, GROUP, error)
            continue
        if algorithm.name in _FOUND:
            logger.warning("%s: there is an algorithm %r already; left out.", point, algorithm.name)
            continue
        _FOUND[algorithm.name] = algorithm
    return _FOUND


@functools.cache
def entry_points() -> tuple[str, ...]:
    """What other packages name in the group, each as ``"module:attribute"``."""
    return tuple(point.value for point in metadata.entry_points(group=GROUP))


def policy_blocks() -> dict[str, list[str]]:
    """The blocks of ``params.network`` that belong to policies, by path, with the policies."""
    owners: dict[str, list[str]] = {}
    for algorithm in algorithms().values():
        for _, _, path in algorithm.config.blocks():
            if path.startswith("network."):
                owners.setdefault(path, []).append(algorithm.name)
    return owners


def refuse_other_blocks(algorithm: Algorithm, params: Mapping[str, Any]) -> None:
    """A block of another policy, or at the wrong place, which rl_games would silently ignore."""
    network, rl_games_own = block_at(params, "network"), keys.names(()) or ()
    for path, owners in policy_blocks().items():
        key = path.rpartition(".")[2]
        if key in params and key not in rl_games_own:
            raise ConfigError(f"params.{key}: belongs under params.network.")
        if key in network and algorithm.name not in owners:
            raise ConfigError(
                f"params.{path}: is a block of {' and '.join(owners)}, not of {algorithm.name}; "
                f"remove it, or set algo, model and network to {owners[0]}'s names."
            )


def check_names(params: Mapping[str, Any], model: str, network: str) -> None:
    """The model's name is ours; a network of another name is taken for a user's own builder."""
    given = block_at(params, "model").get("name")
    if given != model:
        raise ConfigError(
            f"params.model.name: must be {model} with algo.name {model}, got {given!r}."
        )
    block = block_at(params, "network")
    name = block.get("name")
    if name is None:
        raise ConfigError(f"params.network.name: missing; use {network}.")
    if name in ("actor_critic", "resnet_actor_critic", "soft_actor_critic", "rnd_curiosity"):
        raise ConfigError(
            f"params.network.name: {name!r} is rl_games' Gaussian or discrete head; "
            f"use {network}, the rest of the block stays as it is."
        )
