"""``rlg-genpo export``: a trained policy as a file that needs none of us."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlg_genpo.cli import machine, rollouts, runs, validation, verifying
from rlg_genpo.cli.configs import Params
from rlg_genpo.common.schema import unknown
from rlg_genpo.envs import simulator_of
from rlg_genpo.errors import ConfigError
from rlg_genpo.export import files, sizes
from rlg_genpo.export.policies import Policy, policies_of


@dataclass(frozen=True)
class Options:
    """The command line."""

    run: str  # a run folder or a checkpoint
    config: str | None  # None for the run folder's own
    checkpoint: str  # of a run folder, its ``last`` or its ``best``
    format: str
    out: Path | None  # a file, or a folder of the agents' files
    agent: tuple[str, ...]  # empty for all
    sample: bool
    deployment: str | None
    verify: bool


def export(options: Options) -> Iterator[str]:
    """Write the files; yields a line for each, and one for its verification.

    Raises:
        ConfigError: naming the option, or the key of the configuration.
        CheckpointError: the checkpoint and the configuration differ.
        VerificationError: a file does not act as the player does.
    """
    found = runs.locate(options.run, options.checkpoint)
    params = found.params(options.config)
    hosted = simulator_of(params["config"]).host is not None
    ready = rollouts.prepared(params, "cpu", seed=0, hosted=hosted)
    if validation.leaves_envs_open(ready.params["config"]):
        ready.params["config"]["num_actors"] = 1
    if options.deployment is not None:
        validation.check_deployment(params, options.deployment)
    state = validation.state_of(found, params)
    info = sizes.env_info(params, state) if hosted else None
    count = verifying.ENVS if options.verify else 1
    player = rollouts.make_player(ready, found, count, options.deployment, info)
    with rollouts.quiet():
        policies = policies_of(player, params, options.sample)
    chosen = choose(policies, options.agent)
    facts = about(player, params, state["frame"])
    paths = [path_of(policy, options, found.run.folder / "exported") for policy in chosen]
    for policy, path in zip(chosen, paths, strict=True):
        said = {**facts, "action_low": policy.low.tolist(), "action_high": policy.high.tolist()}
        if policy.name is not None:
            said["agent"] = policy.name
        files.write(policy.module, path, options.format, said)
        yield f"written: {path}"
    if options.verify:
        recording = verifying.recorded(player) if info is None else verifying.drawn(player)
        for policy, path in zip(chosen, paths, strict=True):
            yield verifying.verify(policy, path, options.format, recording)


def choose(policies: list[Policy], names: tuple[str, ...]) -> list[Policy]:
    """The agents of these names, or all.

    Raises:
        ConfigError: there is no agent of a name.
    """
    known = [policy.name for policy in policies if policy.name is not None]
    for name in names:
        if not known:
            raise ConfigError(f"--agent {name}: this policy is not made of agents; leave it out.")
        if name not in known:
            raise ConfigError(f"--agent {name}: {unknown(name, known, 'agent')}")
    return [policy for policy in policies if not names or policy.name in names]


def path_of(policy: Policy, options: Options, folder: Path) -> Path:
    """``--out``, which is a folder where there is a file for each agent."""
    name = f"{policy.name or 'policy'}{files.ENDINGS[options.format]}"
    if options.out is None:
        return folder / name
    return options.out / name if policy.name or options.out.is_dir() else options.out


def about(player: Any, params: Params, frames: int) -> Mapping[str, Any]:
    """What a file says of its policy beside its inputs and outputs."""
    config = params["config"]
    deployment = getattr(player, "deployment", None)
    return {
        "policy": params["algo"]["name"],
        **({"deployment": deployment} if deployment else {}),
        "task": simulator_of(config).task(config),
        "frames": frames,
        "versions": machine.versions(),
    }
