"""The one call that makes rl_games know every policy of :mod:`rlg_genpo.algorithm`."""

import functools
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from rl_games.algos_torch import model_builder

from rlg_genpo.algorithm import Algorithm, algorithms, load
from rlg_genpo.common.config import PolicyConfig
from rlg_genpo.common.model import GenerativeModel
from rlg_genpo.common.schema import unshared
from rlg_genpo.envs import SIMULATORS, simulator_of
from rlg_genpo.errors import ConfigError

if TYPE_CHECKING:
    from rl_games.torch_runner import Runner

logger = logging.getLogger(__name__)

#: attribute of a Runner's method that already enters our algorithms
MARK = "enters_rlg_genpo"

# What we put into rl_games' global tables, to tell it from another package's entry.
_OURS: set[Callable[..., Any]] = set()


def register() -> None:
    """Make every algorithm selectable in rl_games, also in a Runner that exists already.

    :func:`rlg_genpo.register` says more; importing ``rlg_genpo`` calls it.
    """
    models, networks = model_builder.MODEL_REGISTRY, model_builder.NETWORK_REGISTRY
    for algorithm in algorithms().values():
        _refuse_foreign(models, algorithm.name, "model.name")
        _refuse_foreign(networks, algorithm.network_name, "network.name")
    for algorithm in algorithms().values():
        if algorithm.name not in models:
            model_builder.register_model(algorithm.name, GenerativeModel)
            _OURS.add(models[algorithm.name])
        if algorithm.network_name not in networks:
            model_builder.register_network(algorithm.network_name, load(algorithm.network))
            _OURS.add(networks[algorithm.network_name])
    for simulator in SIMULATORS.values():
        simulator.register()
    # Imported here only: that import is what registers us where rlg_genpo was imported before.
    from rl_games.torch_runner import Runner

    # Agents and players stand in factories made per Runner; these methods are where a Runner, old
    # or new, reads them.
    for name in ("run_train", "run_play", "create_player"):
        method = getattr(Runner, name)
        if not hasattr(method, MARK):
            setattr(Runner, name, _entering(method))
    if not hasattr(Runner.load, MARK):
        Runner.load = _checking(Runner.load)


def _refuse_foreign(table: dict[str, Any], name: str, key: str) -> None:
    if name in table and table[name] not in _OURS:
        raise ConfigError(
            f"params.{key}: another package has registered {name!r} with rl_games; remove that "
            "registration, or import it after choosing another name for it."
        )


def _entering(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def with_our_algorithms(runner: "Runner", *args: Any, **kwargs: Any) -> Any:
        config, algorithm = runner.params["config"], algorithms().get(runner.params["algo"]["name"])
        if algorithm is not None:
            register()  # for a package that was half imported the last time
        enter_runner(runner)
        refuse_half_a_swap(runner.params)
        simulator_of(config).prepare(config)
        if args and algorithm is not None and args[0].get("sigma") is not None:
            _warn_of_sigma(algorithm.settings(runner.params).spread(), args[0]["sigma"])
        return method(runner, *args, **kwargs)

    setattr(with_our_algorithms, MARK, True)
    return with_our_algorithms


def _checking(method: Callable[..., Any]) -> Callable[..., Any]:
    """``Runner.load``, which reads some keys itself, before there is an agent of ours."""

    @functools.wraps(method)
    def with_checked_params(runner: "Runner", yaml_config: Any, *args: Any, **kwargs: Any) -> Any:
        algorithm = algorithm_of(yaml_config)
        if algorithm is not None:
            yaml_config = unshared(yaml_config)
            algorithm.check(yaml_config["params"])
        return method(runner, yaml_config, *args, **kwargs)

    setattr(with_checked_params, MARK, True)
    return with_checked_params


def algorithm_of(document: Any) -> Algorithm | None:
    """The policy of ours that a YAML's whole document names, if it does."""
    name = document
    for key in ("params", "algo", "name"):
        name = name.get(key) if isinstance(name, Mapping) else None
    return algorithms().get(name) if isinstance(name, str) else None


def refuse_half_a_swap(params: Mapping[str, Any]) -> None:
    """A model or network of ours under another package's algorithm fails late and oddly."""
    name = params["algo"]["name"]
    if name in algorithms():
        return
    for algorithm in algorithms().values():
        for block, own in (("model", algorithm.name), ("network", algorithm.network_name)):
            if params.get(block, {}).get("name") == own:
                raise ConfigError(
                    f"params.algo.name: {name!r} cannot train params.{block}.name {own!r}; use "
                    f"algo.name: {algorithm.name}, or put back the other's {block}."
                )


def _warn_of_sigma(spread: str | None, sigma: Any) -> None:
    """``--sigma`` of Isaac Lab's train.py, which rl_games drops silently without a Gaussian."""
    if spread is not None:
        logger.warning(
            "sigma: %s is ignored: this policy is no Gaussian and has no standard deviation to "
            "set. Its spread at the start comes from %s.",
            sigma,
            spread,
        )


def enter_runner(runner: "Runner", settings: PolicyConfig | None = None) -> None:
    """Put every algorithm into a Runner's factories; its own methods do it too.

    Args:
        settings: of the policy that its YAML names, where they are parsed already.
    """
    wanted = runner.params["algo"]["name"]
    for name, algorithm in algorithms().items():
        pairs = (
            (runner.algo_factory, algorithm.make_agent),
            (runner.player_factory, algorithm.make_player),
        )
        for factory, make in pairs:
            handed = settings if name == wanted else None
            known = factory._builders.setdefault(name, partial(make, settings=handed))
            if getattr(known, "func", known) != make and name == wanted:
                raise ConfigError(
                    f"params.algo.name: another package has put its own {name!r} into this Runner; "
                    "remove that registration, or choose another name for it."
                )
