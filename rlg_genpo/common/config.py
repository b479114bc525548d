"""A policy's settings: a dataclass with one field for each of its blocks of an rl_games YAML.

Standard library only. The YAML is parsed once, by :meth:`rlg_genpo.algorithm.Algorithm.parse`; the
network's builder, the agent, the player and the checkpoint's fingerprint receive the result.
"""

import typing
from collections.abc import Iterator, Mapping
from dataclasses import Field, asdict, dataclass, field, fields, is_dataclass
from typing import Any, ClassVar, TypeVar

from rlg_genpo.common import schema
from rlg_genpo.errors import ConfigError
from rlg_genpo.host import check

Config = TypeVar("Config", bound="PolicyConfig")


def block(path: str) -> Any:
    """A field for the block ``params.PATH``, of the dataclass (or the list) that the hint says."""
    return field(metadata={"path": path})


@dataclass(frozen=True)
class PolicyConfig:
    """What the settings of all policies have in common."""

    #: what a player may be told to execute, beside the policy's default
    deployments: ClassVar[tuple[str, ...]] = ()
    #: deployments that ``rlg-genpo eval`` measures beside the default, unless told otherwise
    also_evaluated: ClassVar[tuple[str, ...]] = ()

    #: whether it stands on the Gaussian of ``network.space``, which a swap then leaves there
    reads_space: ClassVar[bool] = False

    #: options that an older checkpoint's fingerprint lacks, with what they were then
    formerly: ClassVar[Mapping[str, Any]] = {}

    #: options of before by path below ``params``, with the one value that still means what it did
    removed: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def blocks(cls) -> Iterator[tuple[Field[Any], Any, str]]:
        """Each block's field, its type and its path below ``params``."""
        hints = typing.get_type_hints(cls)
        for spec in fields(cls):
            yield spec, hints[spec.name], spec.metadata["path"]

    @classmethod
    def parse(cls: type[Config], params: Mapping[str, Any]) -> Config:
        """Read the policy's own blocks of ``params``, and check them against the rest.

        Raises:
            ConfigError: naming the key, the value and the way out.
        """
        values = {}
        for spec, kind, path in cls.blocks():
            *parents, key = path.split(".")
            parent: Mapping[str, Any] = params
            for name in parents:
                parent = block_at(parent, name)
                refuse_misspelt(parent, key, ".".join(["params", *parents]))
            values[spec.name] = _read(cls._present(parent.get(key), path), kind, f"params.{path}")
        config = cls(**values)
        config.check(params)
        return config

    @classmethod
    def _present(cls, given: Any, path: str) -> Any:
        """A block without removed options and without its name, which is rl_games' own key."""
        if not isinstance(given, Mapping):
            return given
        for key, value in given.items():
            left = cls.removed.get(f"{path}.{key}", value)
            if value != left:
                raise ConfigError(
                    f"params.{path}.{key}: was removed, and {value!r} with it; what {left!r} did "
                    "is left. Delete the line."
                )
        gone = {*cls.removed, "algo.name"}
        return {key: value for key, value in given.items() if f"{path}.{key}" not in gone}

    def check(self, params: Mapping[str, Any]) -> None:
        """Hold the blocks against each other and against rl_games' own keys.

        Raises:
            ConfigError: naming the key, the value and the way out.
        """
        config = block_at(params, "config")
        check.check_schedule(config, self.rate_bounds())
        check.check_bounds(config)

    def rate_bounds(self) -> tuple[float, float | None] | None:
        """Bounds of the adaptive learning rate (None: its start); None leaves it to rl_games."""
        return None

    def departs(self) -> str | None:
        """Which setting keeps the policy from starting as a Gaussian; None where it does."""
        return "params.algo.name"

    def spread(self) -> str | None:
        """Which keys set the policy's spread at the start; None: rl_games' own ``sigma`` does."""
        return None

    def resolve(self: Config, env_info: Mapping[str, Any], env: Any) -> Config:
        """The settings with what only the environments can tell; most policies ask nothing.

        Args:
            env_info: what rl_games knows of the environments.
            env: the environments themselves, or None.

        Raises:
            ConfigError: the settings and the environments differ.
        """
        return self

    @classmethod
    def adapt(cls, params: dict[str, Any]) -> dict[str, Any]:
        """For a swap: what this policy cannot take of a Gaussian's settings is changed in place.

        Returns:
            Options that the rest of ``params`` asks for, by path below ``params``.
        """
        return {}

    def fingerprint(self) -> dict[str, Any]:
        """What makes a checkpoint's policy another one beside its tensors' shapes, by YAML key."""
        found = {}
        for spec, _, path in self.blocks():
            value = getattr(self, spec.name)
            if not is_dataclass(value):
                found[f"params.{path}"] = value and [asdict(one) for one in value]
                continue
            for option in fields(value):
                if option.metadata["identity"]:
                    found[f"params.{path}.{option.name}"] = getattr(value, option.name)
        return found

    def summary(self) -> str:
        """The policy in a few words, for ``rlg-genpo check``."""
        raise NotImplementedError


def _read(given: Any, kind: Any, path: str) -> Any:
    if is_dataclass(kind):
        return schema.parse(typing.cast(type, kind), given, path)
    return schema.checked(given, kind, path, {})


def block_at(params: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A block that every rl_games YAML has."""
    return schema.block_of(params, name, f"params.{name}")


def refuse_misspelt(network: Mapping[str, Any], block: str, path: str) -> None:
    """A block of ours under a slip of its name, which rl_games would silently ignore."""
    for key in network:
        near = schema.nearest(str(key).lower(), [block], cutoff=0.7)
        if key != block and near != ".":
            raise ConfigError(f"{path}.{key}: unknown key{near}")


def refuse_trunks(network: Mapping[str, Any], why: str) -> None:
    """A trunk that the policy would stand beside and not on.

    Raises:
        ConfigError: the network has one.
    """
    for trunk in ("rnn", "cnn"):
        if trunk in network:
            raise ConfigError(why.format(trunk=f"params.network.{trunk}"))
