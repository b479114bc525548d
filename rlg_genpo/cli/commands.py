"""Every command with its options. Each imports its work when it is called.

This file needs click and the standard library only, so that ``--help`` answers at once.
"""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from rlg_genpo.errors import ConfigError
from rlg_genpo.version import __version__

FILE = click.Path(path_type=Path)
COUNT = click.IntRange(min=1)


def whole(text: str) -> int:
    """A count, also written 3e6."""
    with contextlib.suppress(ValueError, OverflowError):
        value = float(text)
        if value == int(value) and value > 0:
            return int(value)
    raise click.BadParameter(f"{text!r} is not a whole number of at least 1.")


def option(name: str, text: str, **settings: Any) -> Callable[..., Any]:
    """A click option, which shows its default where it has one."""
    shown = settings.get("default") is not None
    return click.option(name, help=text, show_default=shown, **settings)


words = click.argument("words", nargs=-1, metavar="CONFIG [KEY=VALUE]...")
run = click.argument("run", metavar="RUN_OR_CHECKPOINT")
config = option(
    "--config", "Its YAML file, if its run folder holds no config.yaml.", metavar="FILE"
)
LAST_OR_BEST = click.Choice(["last", "best"])
checkpoint = option("--checkpoint", "Which one of a run folder.", type=LAST_OR_BEST, default="last")
seed = option("--seed", "Seed of the episodes.", type=int, default=0)
device = option(
    "--device",
    "Device of policy and simulation; auto is the configuration's where it exists, else cuda, else "
    "cpu.",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
)
WORDS = """CONFIG is the name of a shipped configuration or a path. KEY=VALUE overrides one of its
params, as in config.learning_rate=3e-4, and may stand anywhere."""
RUN = "RUN_OR_CHECKPOINT is a run folder or a .pth file."


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`rlg-genpo COMMAND --help` shows a command's options and an example.",
)
@click.version_option(__version__, message="rlg_genpo %(version)s")
def program() -> None:
    """Train and try generative policies in rl_games."""


def command(name: str, text: str, details: str = "", example: str = "") -> Callable[..., Any]:
    """Declare a command: its line in the list of commands, its help, and its example."""
    title = f"{text[0].upper()}{text[1:]}."
    return program.command(
        name,
        help=f"{title}\n\n{details}",
        short_help=text,
        epilog=f"example: rlg-genpo {name} {example}".rstrip(),
    )


@command("train", "train a policy", WORDS, "halfcheetah_genpo --seed 1 --frames 1000000")
@words
@option("--seed", "Seed of the run: params.seed, and the environments'.", type=int)
@option("--frames", "Environment frames of the whole run.", type=whole, metavar="N")
@option("--envs", "Parallel environments (config.num_actors).", type=COUNT, metavar="N")
@device
@option("--runs", "Parent of the run folder (default: runs).", metavar="DIR")
@option("--name", "Name of the run folder (default: CONFIG_seedN).")
@option(
    "--resume",
    "Go on with a run in its own folder and configuration; CONFIG may be left out, and --frames "
    "extends it.",
    metavar="RUN_OR_CHECKPOINT",
)
@click.pass_obj
def train(command_line: str, words: Sequence[str], **options: Any) -> int:
    from rlg_genpo.cli import training

    config, overrides = split(words)
    return training.train(training.Options(config, overrides, command_line, **options))


@command("play", "play episodes and print their returns", RUN, "runs/x_seed5")
@run
@config
@seed
@option("--episodes", "How many to play.", type=COUNT, default=10, metavar="N")
@click.option("--sample", is_flag=True, help="Sample actions, instead of deterministic ones.")
@option(
    "--deployment",
    "One of the policy's ways to act, where it has several; without --sample it starts from zero "
    "noise.",
    metavar="NAME",
)
@device
def play(sample: bool, deployment: str | None, **options: Any) -> None:
    from rlg_genpo.cli import evaluation

    evaluation.play(evaluation.Options(**options), evaluation.Kind(not sample, deployment))


@command("eval", "measure a policy", RUN, "runs/x_seed5 --episodes 64 --json x.json")
@run
@config
@seed
@option(
    "--episodes",
    "Episodes of each kind, rounded up so that every environment contributes as many.",
    type=COUNT,
    default=64,
    metavar="N",
)
@option("--json", "Write the results there too.", type=FILE, metavar="FILE")
@checkpoint
@option(
    "--deployment",
    "Shown beside the default: one of the policy's ways to act, where it has several. May be "
    "repeated.",
    multiple=True,
    metavar="NAME",
)
@device
def evaluate(json: Path | None, deployment: tuple[str, ...], **options: Any) -> None:
    from rlg_genpo.cli import evaluation, runs

    report = evaluation.evaluate(evaluation.Options(**options), deployment)
    click.echo("\n".join(evaluation.table(report)))
    if json is not None:
        runs.write_json(json, report)
        click.echo(f"written: {json}")


@command(
    "export",
    "write a trained policy to a file that runs without us",
    f"{RUN} The file takes an observation and gives the environment's action.",
    "runs/x_seed5 --verify",
)
@run
@config
@checkpoint
@option(
    "--format",
    "onnx, TorchScript, or a program of torch.export.",
    type=click.Choice(["onnx", "torchscript", "torch"]),
    default="onnx",
)
@option(
    "--out",
    "The file, or for a policy made of agents the folder of theirs (default: exported/ in the run "
    "folder).",
    type=FILE,
    metavar="FILE",
)
@option(
    "--agent",
    "Write this agent alone; may be repeated (default: every agent).",
    multiple=True,
    metavar="NAME",
)
@click.option("--sample", is_flag=True, help="Take noise as an input, instead of none.")
@option("--deployment", "One of the policy's ways to act, where it has several.", metavar="NAME")
@click.option(
    "--verify",
    is_flag=True,
    help="Run the file beside the player on 1000 observations, and print the largest difference.",
)
def export(**options: Any) -> None:
    from rlg_genpo.cli import exporting

    for line in exporting.export(exporting.Options(**options)):
        click.echo(line)


@command(
    "plot",
    "draw learning curves",
    "RUN is a run folder; those whose names differ in _seedN alone become a mean and a range.",
    "runs/a_seed1 runs/a_seed2 runs/b_seed1",
)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@option(
    "--out", "The picture: .png, .pdf or .svg.", type=FILE, default="curves.png", metavar="FILE"
)
@option("--x", "The horizontal axis.", type=click.Choice(["frames", "seconds"]), default="frames")
def plot(runs: tuple[str, ...], out: Path, x: str) -> None:
    from rlg_genpo.cli import plotting

    plotting.plot(runs, out, x)
    click.echo(f"written: {out}")


@command("list", "show the shipped configurations")
def show_list() -> None:
    from rlg_genpo.cli import checking

    click.echo("\n".join(checking.table()))


@command("check", "check a configuration without training", WORDS, "ant_genpo network.flow.steps=8")
@words
def check(words: Sequence[str]) -> None:
    from rlg_genpo.cli import checking

    config, overrides = split(words)
    if config is None:
        raise ConfigError("CONFIG: missing; `rlg-genpo list` shows the shipped ones.")
    click.echo("\n".join(checking.check(config, overrides)))


@command(
    "swap",
    "turn a Gaussian rl_games YAML into ours",
    "FILE is a YAML file of rl_games' continuous PPO, or the name of a shipped one.",
    "mine.yaml --out genpo.yaml",
)
@click.argument("file", metavar="FILE")
@option("--policy", "The policy to put in.", default="genpo", metavar="NAME")
@option("--preset", "Which of the policy's settings to start from.", default="default")
@option("--out", "File to write (default: the terminal).", type=FILE, metavar="FILE")
@option(
    "--checkpoint",
    "A checkpoint of FILE's Gaussian: one of the new policy that acts alike is written beside --out"
    ", with .pth in the place of its ending.",
    type=FILE,
    metavar="FILE",
)
def swap(file: str, policy: str, preset: str, out: Path | None, checkpoint: Path | None) -> None:
    from rlg_genpo.cli import swapping

    text = swapping.swap(file, policy, preset)
    if checkpoint is not None and out is None:
        raise ConfigError("--checkpoint: the new one is written beside --out; name that.")
    weights = out.with_suffix(".pth") if out and checkpoint else None
    for file_out in filter(None, (out, weights)):
        if file_out.exists():
            raise ConfigError(f"--out: {file_out} exists; name another file.")
    if checkpoint and weights:
        swapping.warm_start(text, policy, checkpoint, weights)
        click.echo(f"written: {weights}")
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text)
        click.echo(f"written: {out}")


@command("doctor", "check the installation and the doors into Isaac Lab")
@option("--task", "One of Isaac Lab's task ids: which --agent keys it has.")
def examine(task: str | None) -> int:
    from rlg_genpo.cli import doctor

    lines, well = doctor.report(task)
    click.echo("\n".join(lines))
    return 0 if well else 1


def split(words: Sequence[str]) -> tuple[str | None, tuple[str, ...]]:
    """CONFIG, if there is one, and the overrides."""
    plain = [word for word in words if "=" not in word or Path(word).is_file()]
    if len(plain) > 1:
        raise ConfigError(f"{plain[1]!r}: one CONFIG is enough; an override reads key=value.")
    return (plain[0] if plain else None), tuple(word for word in words if word not in plain)
