"""``rlg-genpo play`` and ``eval``: episodes of a trained policy."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from click import echo

from rlg_genpo.cli import configs, machine, rollouts, runs, validation
from rlg_genpo.cli.configs import Params
from rlg_genpo.cli.rollouts import Episode, Prepared
from rlg_genpo.cli.runs import Checkpoint
from rlg_genpo.envs import simulator_of

MOST_ENVS = 64
RESAMPLES = 10_000
COLUMNS = ("mean", "low", "high", "median", "min", "max", "length")
HEADINGS = ("mean", "95% from", "to", "median", "min", "max", "length")


@dataclass(frozen=True)
class Options:
    """What the command lines of ``play`` and ``eval`` have in common."""

    run: str  # a run folder or a checkpoint
    config: str | None  # None for the run folder's own
    device: str
    seed: int
    episodes: int  # of each kind, at least
    checkpoint: str = "last"  # of a run folder, its ``last`` or its ``best``


def prepared(options: Options) -> tuple[Checkpoint, Prepared]:
    """The checkpoint, and its configuration made ready for playing."""
    shipped = configs.for_isaac_lab().get(options.run)
    if shipped is not None:
        # Not a run, but the name of a configuration for another program, which this refuses.
        config = configs.load(shipped)["config"]
        simulator_of(config).check(config)
    checkpoint = runs.locate(options.run, options.checkpoint)
    params = checkpoint.params(options.config)
    return checkpoint, rollouts.prepared(params, options.device, options.seed)


@dataclass(frozen=True)
class Kind:
    """A way to choose actions: a deployment's deterministic one (a mode), or a sample."""

    deterministic: bool
    deployment: str | None = None  # None for the policy's default

    @property
    def name(self) -> str:
        kind = "deterministic" if self.deterministic else "sampled"
        return kind if self.deployment is None else f"{self.deployment}_{kind}"


def kinds_of(params: Params, deployments: Sequence[str]) -> list[Kind]:
    """What is measured: the default, and what is asked for or else the policy's own choice."""
    for deployment in deployments:
        validation.check_deployment(params, deployment)
    algorithm = validation.algorithm_of(params)
    if not deployments and algorithm is not None:
        deployments = algorithm.config.also_evaluated
    return [Kind(flag, name) for name in (None, *deployments) for flag in (True, False)]


def play_kind(
    ready: Prepared, checkpoint: Checkpoint, kind: Kind, envs: int, episodes_per_env: int
) -> Iterator[Episode]:
    player = rollouts.make_player(ready, checkpoint, envs, kind.deployment)
    return rollouts.play(player, envs, episodes_per_env, kind.deterministic)


def play(options: Options, kind: Kind) -> None:
    """Play in one environment; says one line per finished episode, and the mean."""
    checkpoint, ready = prepared(options)
    if kind.deployment is not None:
        validation.check_deployment(ready.params, kind.deployment)
    validation.state_of(checkpoint, ready.params)
    returns = []
    for number, episode in enumerate(play_kind(ready, checkpoint, kind, 1, options.episodes), 1):
        returns.append(episode.value)
        echo(f"episode {number:3d}  return {episode.value:10.2f}  length {episode.length:5d}")
    kinds = kind.name.replace("_", " ")
    echo(f"mean return {np.mean(returns):.2f} over {len(returns)} {kinds} episodes")


def evaluate(options: Options, deployments: Sequence[str]) -> dict[str, Any]:
    """Measure deterministic and sampled returns, of the default and of other deployments."""
    checkpoint, ready = prepared(options)
    params = ready.params
    kinds = kinds_of(params, deployments)
    per_env = ceil(options.episodes / MOST_ENVS)
    envs = ceil(options.episodes / per_env)
    results = {}
    with checkpoint.kept() as kept:  # a run that trains meanwhile replaces it
        state = validation.state_of(kept, params)
        for kind in kinds:
            episodes = list(play_kind(ready, kept, kind, envs, per_env))
            results[kind.name] = summary(episodes, options.seed)
    return {
        "task": simulator_of(params["config"]).task(params["config"]),
        "policy": params["algo"]["name"],
        "checkpoint": os.path.relpath(checkpoint.path),
        "frames": state["frame"],
        "seed": options.seed,
        "episodes": envs * per_env,
        "environments": envs,
        "device": params["config"]["device"],
        "versions": machine.versions(),
        "results": results,
    }


def summary(episodes: list[Episode], seed: int) -> dict[str, Any]:
    """Statistics of the returns, with a 95% bootstrap interval of their mean."""
    returns = np.array([episode.value for episode in episodes])
    lengths = np.array([episode.length for episode in episodes])
    low, high = interval(returns, seed)
    return {
        "mean": float(returns.mean()),
        "low": low,
        "high": high,
        "median": float(np.median(returns)),
        "min": float(returns.min()),
        "max": float(returns.max()),
        "length": float(lengths.mean()),
        "returns": returns.tolist(),
        "lengths": lengths.tolist(),
    }


def interval(values: np.ndarray, seed: int) -> tuple[float, float]:
    """95% percentile bootstrap interval of the mean."""
    generator = np.random.default_rng(seed)
    picks = generator.integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.percentile(values[picks].mean(axis=1), (2.5, 97.5))
    return float(low), float(high)


def table(report: dict[str, Any]) -> list[str]:
    """The results as lines of text."""
    wide = max(len(kind) for kind in report["results"]) + 1
    lines = [
        f"{report['policy']} on {report['task']}: {report['checkpoint']}, "
        f"{report['frames']} frames, {report['episodes']} episodes each, seed {report['seed']}",
        " " * wide + "".join(f"{heading:>10}" for heading in HEADINGS),
    ]
    for kind, result in report["results"].items():
        lines.append(f"{kind:{wide}}" + "".join(f"{result[column]:10.1f}" for column in COLUMNS))
    return lines
