"""The table of algorithms, and the one call that makes rl_games know them."""

import functools
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rl_games.algos_torch import model_builder

from rlg_genpo.common.model import GenerativeModel
from rlg_genpo.common.player import CPPOPlayer, DDPLPlayer, GenPOPlayer
from rlg_genpo.cppo.agent import CPPOAgent
from rlg_genpo.cppo.network import CPPOBuilder
from rlg_genpo.ddpl.agent import DDPLAgent
from rlg_genpo.ddpl.network import DDPLBuilder
from rlg_genpo.envs import SIMULATORS, simulator_of
from rlg_genpo.errors import ConfigError
from rlg_genpo.genpo.agent import GenPOAgent
from rlg_genpo.genpo.network import GenPOBuilder


@dataclass(frozen=True)
class Algorithm:
    """What rl_games needs to know of a policy, beside the name it stands under."""

    agent: type
    player: type
    model: type
    network_name: str
    network: type
    #: whether rl_games' ``sigma`` argument has a log sigma to set
    has_sigma: bool = False


ALGORITHMS = {
    "genpo": Algorithm(
        GenPOAgent, GenPOPlayer, GenerativeModel, "genpo_actor_critic", GenPOBuilder
    ),
    "cppo": Algorithm(
        CPPOAgent, CPPOPlayer, GenerativeModel, "cppo_actor_critic", CPPOBuilder, has_sigma=True
    ),
    "ddpl": Algorithm(DDPLAgent, DDPLPlayer, GenerativeModel, "ddpl_actor_critic", DDPLBuilder),
}

if TYPE_CHECKING:
    from rl_games.torch_runner import Runner

logger = logging.getLogger(__name__)

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
    for simulator in SIMULATORS.values():
        simulator.register()
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
    # Imported here only: that import is what registers us where rlg_genpo was imported before.
    from rl_games.torch_runner import Runner

    # Agents and players stand in factories made per Runner; these methods are where a Runner, old
    # or new, reads them.
    for name in ("run_train", "run_play", "create_player"):
        method = getattr(Runner, name)
        if not hasattr(method, MARK):
            setattr(Runner, name, _entering(method))


def _entering(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def with_our_algorithms(runner: "Runner", *args: Any, **kwargs: Any) -> Any:
        enter_runner(runner)
        refuse_half_a_swap(runner.params)
        simulator_of(runner.params["config"]).prepare(runner.params["config"])
        algorithm = ALGORITHMS.get(runner.params["algo"]["name"])
        if args and algorithm is not None and not algorithm.has_sigma:
            _warn_of_sigma(args[0])
        return method(runner, *args, **kwargs)

    setattr(with_our_algorithms, MARK, True)
    return with_our_algorithms


def refuse_half_a_swap(params: Mapping[str, Any]) -> None:
    """A model or network of ours under another package's algorithm fails late and oddly.

    Raises:
        ConfigError: that is so; names the other half.
    """
    name = params["algo"]["name"]
    if name in ALGORITHMS:
        return
    networks = {algorithm.network_name: ours for ours, algorithm in ALGORITHMS.items()}
    for block, owners in (("model", {ours: ours for ours in ALGORITHMS}), ("network", networks)):
        ours = owners.get(params.get(block, {}).get("name"))
        if ours is not None:
            raise ConfigError(
                f"params.algo.name: {name!r} cannot train params.{block}.name "
                f"{params[block]['name']!r}; use algo.name: {ours}, or put back the other's "
                f"{block}."
            )


def _warn_of_sigma(arguments: Mapping[str, Any]) -> None:
    """``--sigma`` of Isaac Lab's train.py, which rl_games drops silently without a Gaussian."""
    if arguments.get("sigma") is not None:
        logger.warning(
            "sigma: %s is ignored: this policy is no Gaussian and has no standard deviation to "
            "set. Its spread at the start comes from params.network.flow (mix, output_scale).",
            arguments["sigma"],
        )


def enter_runner(runner: "Runner") -> None:
    """Put every algorithm into a Runner's factories; its own methods do it from now on.

    Raises:
        ConfigError: the Runner's YAML asks for one of our names, which another package owns there.
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
            elif known is not build and runner.params["algo"]["name"] == name:
                raise ConfigError(
                    f"params.algo.name: another package has put its own {name!r} into this Runner; "
                    "remove that registration, or choose another name for it."
                )
