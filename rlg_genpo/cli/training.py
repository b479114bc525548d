"""``rlg-genpo train``: a fresh run, or one that goes on."""

import os
import shlex
import sys
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import Any

from click import echo

from rlg_genpo.cli import (
    FAILED,
    FINISHED,
    INTERRUPTED,
    configs,
    machine,
    runs,
    session,
    validation,
)
from rlg_genpo.cli.configs import Params
from rlg_genpo.cli.progress import Lossy
from rlg_genpo.cli.runs import Checkpoint, Run
from rlg_genpo.cli.session import Job
from rlg_genpo.common.config import PolicyConfig
from rlg_genpo.envs import simulator_of
from rlg_genpo.errors import ConfigError
from rlg_genpo.host import batch, keys


@dataclass(frozen=True)
class Options:
    """The command line of ``train``; None where an option was not given."""

    config: str | None
    overrides: tuple[str, ...]
    command: str  # all of it
    seed: int | None
    frames: int | None
    envs: int | None
    device: str
    runs: str | None
    name: str | None
    resume: str | None


def train(options: Options) -> int:
    """Train; returns the process's exit code. What cannot work is refused before."""
    checkpoint, params = source(options)
    state = validation.state_of(checkpoint, params) if checkpoint else {"epoch": 0, "frame": 0}
    rate = params["config"].get("learning_rate") if checkpoint else None
    configs.override(params, options.overrides)
    # A checkpoint alone, such as a swapped one, begins a run of its own.
    goes_on = checkpoint is not None and checkpoint.run.config.is_file()
    earlier = runs.facts_of(checkpoint.run) if checkpoint and goes_on else {}
    settings, threads, plan = prepare(params, options, state, earlier.get("planned_frames"))
    config = params["config"]
    run = checkpoint.run if checkpoint and goes_on else fresh_run(options, params)
    # A run that goes on keeps the restored rate, unless the user sets another.
    changed = rate not in (None, config["learning_rate"])
    job = Job(
        run,
        params,
        settings,
        checkpoint,
        epoch=state["epoch"],
        frame=state["frame"],
        best_return=state.get("last_mean_rewards"),
        learning_rate=float(config["learning_rate"]) if changed else None,
    )
    end = validation.planned_frames(config, job.epoch, job.frame)
    if checkpoint and end is not None and end <= job.frame:
        resume = resume_command(run)
        echo(f"{run.folder} is finished at {job.frame} frames. To go on: {resume} --frames N")
        return FINISHED
    with run.held():
        if not goes_on:
            refuse_trained(run)
        facts = first_facts(job, options.command, earlier, plan)
        echo(f"run:     {run.folder}" + (f", from {job.frame} frames on" if checkpoint else ""))
        echo(f"device:  {config['device']}")
        echo(threads)
        outcome = session.execute(job, facts)
    return report(run, outcome)


def source(options: Options) -> tuple[Checkpoint | None, Params]:
    """The checkpoint to go on from, if any, and the configuration as its file says it."""
    if options.resume is None:
        if options.config is None:
            raise ConfigError(
                "CONFIG: missing; `rlg-genpo list` shows the shipped ones. Or --resume RUN."
            )
        return None, configs.load(configs.find(options.config))
    checkpoint = runs.locate(options.resume)
    given, own = options.config, checkpoint.run.config
    if not own.is_file():
        return checkpoint, checkpoint.params(given)
    for option, value in (("--name", options.name), ("--runs", options.runs)):
        if value is not None:
            raise ConfigError(f"{option} {value}: --resume continues in the run's own folder.")
    if given is not None:
        echo(f"configuration: {own}; {given} is ignored")
    return checkpoint, checkpoint.params(None)


def prepare(
    params: Params, options: Options, state: dict[str, Any], planned: object = None
) -> tuple[PolicyConfig | None, str, int | None]:
    """Apply the options in place and check the whole.

    Args:
        state: of the checkpoint to go on from.
        planned: the frames of the whole run, as its earlier sessions had them.

    Returns:
        The settings, a line about threads, and the frames of the whole run.
    """
    validation.check_shape(params)
    config = params["config"]
    if simulator_of(config).host is not None:
        simulator_of(config).check(config)
    if options.seed is not None:
        params["seed"] = options.seed
    elif params.get("seed") is None:
        params["seed"] = int(datetime.now().timestamp())
    # The run's length is in frames to its user, in epochs to rl_games.
    frames = options.frames or frames_of_run(config, state, planned)
    if options.envs is not None:
        set_envs(params, options.envs)
    if frames is not None and (options.frames or options.envs):
        set_frames(config, frames, state)
    machine.set_device(config, options.device)
    threads = machine.set_threads(params)
    return validation.check(params), threads, frames


def frames_of_run(config: dict[str, Any], state: dict[str, Any], planned: object) -> int | None:
    """Frames of the whole run: its earlier sessions' plan, unless the configuration says another.

    That counts epochs, of which the last may exceed the plan.
    """
    end = validation.planned_frames(config, state["epoch"], state["frame"])
    if end is None or not isinstance(planned, int):
        return end
    return planned if 0 <= end - planned < validation.frames_per_epoch(config) else end


def set_envs(params: Params, envs: int) -> None:
    """Set ``num_actors``, and a minibatch size that divides the new batch."""
    config = params["config"]
    config["num_actors"] = envs
    if "minibatch_size" not in config:
        return
    size, agents = config["minibatch_size"], validation.rows_per_env(params)
    rows = validation.frames_per_epoch(config) * agents
    fitting = batch.largest_divisor(rows, size, batch.sequence_length(params))
    if fitting != size:
        config["minibatch_size"] = fitting
        each = f" * {agents} agents" if agents > 1 else ""
        echo(
            f"params.config.minibatch_size: {size} -> {fitting}, the largest below that divides "
            f"{envs} environments * horizon_length {config['horizon_length']}{each}"
        )


def set_frames(config: dict[str, Any], frames: int, state: dict[str, Any]) -> None:
    """End after ``frames`` environment frames: in epochs, as rl_games' linear schedule counts."""
    left = max(0, frames - state["frame"])
    config["max_epochs"] = state["epoch"] + ceil(left / validation.frames_per_epoch(config))
    config.pop("max_frames", None)


def fresh_run(options: Options, params: Params) -> Run:
    """The new run's folder, in which no run stands yet."""
    name = options.name
    if name is None:
        path = configs.find(options.config or "")
        # A run's own config.yaml is called after its folder.
        stem = Run(path.absolute().parent).group if path.name == "config.yaml" else path.stem
        name = f"{stem}_seed{params['seed']}"
    if not keys.is_file_name(name):
        raise ConfigError(f"--name {name!r}: must be a folder's name; its parent is --runs.")
    run = Run(Path(options.runs or "runs") / name)
    refuse_trained(run)
    return run


def refuse_trained(run: Run) -> None:
    if any(run.folder.glob("nn/*.pth")):
        raise ConfigError(
            f"{run.folder}: a run stands there already. Continue it with {resume_command(run)}, "
            "or choose another --name or --seed."
        )


def resume_command(run: Run) -> str:
    return f"rlg-genpo train --resume {shlex.quote(str(run.folder))}"


def first_facts(
    job: Job, command: str, earlier: dict[str, Any], plan: int | None
) -> dict[str, Any]:
    """``run.json`` at a session's start.

    Its status holds whatever becomes of the process; the process is the one called ``pid`` that
    began at ``started``, while there is such a one.
    """
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    here = {"command": command, "started": started, "from_frame": job.frame}
    return {
        "status": "started",
        "pid": os.getpid(),
        "command": command,
        "seed": job.params["seed"],
        "started": started,
        "planned_frames": plan,
        "versions": machine.versions(),
        "device": machine.device_name(job.params["config"]["device"]),
        "cpu_count": machine.cores(),
        "threads": machine.threads(job.params),
        "peak_memory_mb": earlier.get("peak_memory_mb", 0.0),
        "sessions": [*earlier.get("sessions", []), here],
    }


def report(run: Run, outcome: dict[str, Any]) -> int:
    """The closing lines, on the terminal and in the log, and the exit code."""
    seconds = f"{outcome['wall_seconds']:.0f} s, {outcome['cpu_seconds']:.0f} CPU s"
    last, code = f"resume it: {resume_command(run)}", INTERRUPTED
    if outcome["status"] == "finished":
        last, code = f"evaluate it: rlg-genpo eval {shlex.quote(str(run.folder))}", FINISHED
    elif not run.last.is_file():
        last = "nothing was saved: no epoch had ended, or the disk took nothing"
    if outcome["status"] == "failed":
        last, code = f"its end was not saved; make room, then {last}", FAILED
    lines = f"{outcome['status']} at {outcome['frames']} frames ({seconds})\n{last}"
    log = Lossy(run.log.open("a"))
    log.write(f"{lines}\n")
    log.close()
    echo(lines, file=Lossy(sys.stdout))  # type: ignore[arg-type]
    return code
