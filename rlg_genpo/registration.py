"""The one call that makes rl_games know every policy of :mod:`rlg_genpo.algorithm`."""

import functools
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rl_games.algos_torch import model_builder

from rlg_genpo.algorithm import Algorithm, algorithms, load
from rlg_genpo.common.model import GenerativeModel
from rlg_genpo.envs import SIMULATORS, simulator_named, simulator_of
from rlg_genpo.errors import ConfigError

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
    for algorithm in algorithms().values():
        _refuse_foreign(models, algorithm.name, "model.name")
        _refuse_foreign(networks, algorithm.network_name, "network.name")
    for algorithm in algorithms().values():
        if algorithm.name not in models:
            model_builder.register_model(algorithm.name, GenerativeModel)
            _OURS[id(models), algorithm.name] = models[algorithm.name]
        if algorithm.network_name not in networks:
            model_builder.register_network(algorithm.network_name, load(algorithm.network))
            _OURS[id(networks), algorithm.network_name] = networks[algorithm.network_name]
    for name in SIMULATORS:
        simulator_named(name).register()
    _wrap_runner()


def _refuse_foreign(table: dict[str, Any], name: str, key: str) -> None:
    if name in table and table[name] is not _OURS.get((id(table), name)):
        raise ConfigError(
            f"params.{key}: another package has registered {name!r} with rl_games; remove that "
            "registration, or import it after choosing another name for it."
        )


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
        if runner.params["algo"]["name"] in algorithms():
            register()  # for a package that was half imported the last time
        enter_runner(runner)
        refuse_half_a_swap(runner.params)
        simulator_of(runner.params["config"]).prepare(runner.params["config"])
        algorithm = algorithms().get(runner.params["algo"]["name"])
        if args and algorithm is not None:
            _warn_of_sigma(algorithm, args[0])
        return method(runner, *args, **kwargs)

    setattr(with_our_algorithms, MARK, True)
    return with_our_algorithms


def refuse_half_a_swap(params: Mapping[str, Any]) -> None:
    """A model or network of ours under another package's algorithm fails late and oddly.

    Raises:
        ConfigError: that is so; names the other half.
    """
    name = params["algo"]["name"]
    if name in algorithms():
        return
    models = {algorithm.name: algorithm.name for algorithm in algorithms().values()}
    networks = {algorithm.network_name: algorithm.name for algorithm in algorithms().values()}
    for block, owners in (("model", models), ("network", networks)):
        ours = owners.get(params.get(block, {}).get("name"))
        if ours is not None:
            raise ConfigError(
                f"params.algo.name: {name!r} cannot train params.{block}.name "
                f"{params[block]['name']!r}; use algo.name: {ours}, or put back the other's "
                f"{block}."
            )


def _warn_of_sigma(algorithm: Algorithm, arguments: Mapping[str, Any]) -> None:
    """``--sigma`` of Isaac Lab's train.py, which rl_games drops silently without a Gaussian."""
    if arguments.get("sigma") is not None and algorithm.spread is not None:
        logger.warning(
            "sigma: %s is ignored: this policy is no Gaussian and has no standard deviation to "
            "set. Its spread at the start comes from %s.",
            arguments["sigma"],
            algorithm.spread,
        )


def enter_runner(runner: "Runner") -> None:
    """Put every algorithm into a Runner's factories; its own methods do it from now on.

    Raises:
        ConfigError: the Runner's YAML asks for one of our names, which another package owns there.
    """
    for name, algorithm in algorithms().items():
        pairs = (
            (runner.algo_factory, algorithm.make_agent),
            (runner.player_factory, algorithm.make_player),
        )
        for factory, make in pairs:
            known = factory._builders.setdefault(name, make)
            if known != make and runner.params["algo"]["name"] == name:
                raise ConfigError(
                    f"params.algo.name: another package has put its own {name!r} into this Runner; "
                    "remove that registration, or choose another name for it."
                )
