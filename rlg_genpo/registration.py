"""The table of algorithms, and the one call that makes rl_games know them."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rl_games.algos_torch import model_builder
from rl_games.torch_runner import Runner

from rlg_genpo.agents.genpo import GenPOAgent
from rlg_genpo.agents.players import GenPOPlayer
from rlg_genpo.errors import ConfigError
from rlg_genpo.models.generative import GenerativeModel
from rlg_genpo.networks.builders import GenPOBuilder


@dataclass(frozen=True)
class Algorithm:
    """What rl_games needs to know of a policy, beside the name it stands under."""

    agent: type
    player: type
    model: type
    network_name: str
    network: type


ALGORITHMS = {
    "genpo": Algorithm(
        GenPOAgent, GenPOPlayer, GenerativeModel, "genpo_actor_critic", GenPOBuilder
    ),
}

#: attribute of a Runner's method that already enters our algorithms
MARK = "enters_rlg_genpo"

# What we put into rl_games' global tables, to tell it from another package's entry.
_OURS: dict[tuple[int, str], Callable[..., Any]] = {}


def register() -> None:
    """Make every algorithm selectable in rl_games, also in a Runner that exists already.

    May be called again. Importing ``rlg_genpo`` calls it.

    Raises:
        ConfigError: another package owns one of our names; nothing is registered then.
    """
    models, networks = model_builder.MODEL_REGISTRY, model_builder.NETWORK_REGISTRY
    for name, algorithm in ALGORITHMS.items():
        _refuse_foreign(models, name, "model.name")
        _refuse_foreign(networks, algorithm.network_name, "network.name")
    for name, algorithm in ALGORITHMS.items():
        _enter(models, name, model_builder.register_model, algorithm.model)
        _enter(networks, algorithm.network_name, model_builder.register_network, algorithm.network)
    _wrap_runner()


def _refuse_foreign(table: dict[str, Any], name: str, key: str) -> None:
    if name in table and table[name] is not _OURS.get((id(table), name)):
        raise ConfigError(
            f"params.{key}: another package has registered {name!r} with rl_games; remove that "
            "registration, or import it after choosing another name for it."
        )


def _enter(table: dict[str, Any], name: str, enter: Callable[..., None], target: type) -> None:
    if name not in table:
        enter(name, target)
        _OURS[id(table), name] = table[name]


def _wrap_runner() -> None:
    # Agents and players stand in factories made per Runner; these two methods are where a Runner,
    # old or new, reads them.
    for name in ("run_train", "create_player"):
        method = getattr(Runner, name)
        if not hasattr(method, MARK):
            setattr(Runner, name, _entering(method))


def _entering(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def with_our_algorithms(runner: Runner, *args: Any, **kwargs: Any) -> Any:
        enter_runner(runner)
        return method(runner, *args, **kwargs)

    setattr(with_our_algorithms, MARK, True)
    return with_our_algorithms


def enter_runner(runner: Runner) -> None:
    """Put every algorithm into a Runner's factories; ``run_train`` and ``create_player`` do it too.

    Raises:
        ConfigError: the Runner has another algorithm under one of our names.
    """
    for name, algorithm in ALGORITHMS.items():
        pairs = (
            (runner.algo_factory, algorithm.agent),
            (runner.player_factory, algorithm.player),
        )
        for factory, build in pairs:
            known = factory._builders.get(name)
            if known is None:
                factory.register_builder(name, build)
            elif known is not build:
                raise ConfigError(f"params.algo.name: this Runner already has another {name!r}.")
