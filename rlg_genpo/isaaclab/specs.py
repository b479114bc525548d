"""Our configurations in gymnasium's specs of Isaac Lab's tasks: shipped files, or made on the spot.

A task for which we ship no file, but which has a Gaussian configuration of rl_games, gets one of
GenPO and one of CPPO by the rule of ``rlg-genpo swap``. It is made when it is asked for.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import fields
from pkgutil import resolve_name as load
from typing import Any

from rlg_genpo.algorithm import algorithms
from rlg_genpo.isaaclab.tasks import BASELINE_KEY, MODULE, agent_key, entry_points

#: what ``env_cfg_entry_point`` among a spec's kwargs says: a task of Isaac Lab or of its user
TASK_KEY = "env_cfg_entry_point"


def add_to_all() -> dict[str, dict[str, Any]]:
    """Put our configurations under their keys into gymnasium's specs.

    Returns what each task has now of ours, by task id.
    """
    registry = importlib.import_module("gymnasium").registry
    found = {task: add(spec) for task, spec in list(registry.items())}
    return {task: ours for task, ours in found.items() if ours}


def add(spec: Any) -> dict[str, Any]:
    """The same for one task; a key that stands is left alone. Returns what it has of ours."""
    if TASK_KEY not in spec.kwargs or spec.kwargs.get("deprecated"):
        return {}
    for key, config in {**generated(spec), **entry_points(spec.id)}.items():
        spec.kwargs.setdefault(key, config)
    return {key: config for key, config in spec.kwargs.items() if is_ours(config)}


def is_ours(config: Any) -> bool:
    """Whether a spec's value is a file of ours, or makes a configuration of ours."""
    return str(config).startswith(f"{MODULE}:") or getattr(config, "__module__", "") == __name__


def generated(spec: Any) -> dict[str, Callable[[], Any]]:
    """Functions that make a configuration, by key, of policies that a Gaussian's file becomes."""
    if spec.kwargs.get(BASELINE_KEY) is None:
        return {}
    names = [name for name, algorithm in algorithms().items() if not algorithm.joins_agents]
    return {agent_key(name): _maker(spec.id, name) for name in names}


def _maker(task: str, policy: str) -> Callable[[], Any]:
    def configuration() -> Any:
        gaussian = load("isaaclab_tasks.utils.parse_cfg:load_cfg_from_registry")(task, BASELINE_KEY)
        document = load("rlg_genpo.cli.swapping:document")
        if isinstance(gaussian, Mapping):
            return document(gaussian, policy)
        # Variants, among which Isaac Lab 3.0 chooses by a word of its command line.
        variants = {each.name: getattr(gaussian, each.name) for each in fields(gaussian)}
        swapped = {name: document(variant, policy) for name, variant in variants.items()}
        return load("isaaclab_tasks.utils.hydra:preset")(**swapped)

    return configuration
