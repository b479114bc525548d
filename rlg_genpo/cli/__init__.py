"""The command line, ``rlg-genpo``. Parses, calls :mod:`rlg_genpo.commands`, prints."""

import argparse
import functools
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rlg_genpo.cli import (
    checking,
    doctor,
    evaluation,
    exporting,
    listing,
    plotting,
    swapping,
    training,
)
from rlg_genpo.cppo.config import DEPLOYMENTS
from rlg_genpo.errors import CheckpointError, ConfigError, DivergedError
from rlg_genpo.version import __version__

Command = Callable[[argparse.Namespace], int]

#: flushed line by line, so that a log file grows as the run does
say = functools.partial(print, flush=True)

MODES = f"of a CPPO policy: {', '.join(DEPLOYMENTS)}"
WORDS = "CONFIG, the name of a shipped configuration or a path, and overrides of its params"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = make_parser()
    args, extra = parser.parse_known_args(arguments)
    # argparse takes one unbroken row of positionals; overrides may stand anywhere.
    if extra and (not hasattr(args, "words") or any(word.startswith("-") for word in extra)):
        parser.error(f"unrecognized arguments: {' '.join(extra)}")
    if extra:
        args.words = [*args.words, *extra]
    args.command_line = shlex.join(["rlg-genpo", *arguments])
    try:
        return args.function(args)
    except (ConfigError, CheckpointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except DivergedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return training.INTERRUPTED


def train(args: argparse.Namespace) -> int:
    config, overrides = split(args.words)
    options = training.Options(
        config=config,
        overrides=tuple(overrides),
        seed=args.seed,
        frames=args.frames,
        envs=args.envs,
        device=args.device,
        runs=args.runs,
        name=args.name,
        resume=args.resume,
        command=args.command_line,
    )
    return training.train(options, say, sys.stderr)


def play(args: argparse.Namespace) -> int:
    evaluation.play(
        args.run,
        args.episodes,
        not args.sample,
        args.mode,
        args.device,
        args.config,
        args.seed,
        say,
    )
    return 0


def evaluate(args: argparse.Namespace) -> int:
    report = evaluation.evaluate(
        args.run,
        args.episodes,
        args.seed,
        args.checkpoint,
        args.mode,
        args.device,
        args.config,
        say,
    )
    if args.json is not None:
        evaluation.write_json(report, args.json)
        say(f"written: {args.json}")
    return 0


def export(args: argparse.Namespace) -> int:
    for path in exporting.export(args.run, args.agent, args.out, args.checkpoint, args.config):
        say(f"written: {path}")
    return 0


def plot(args: argparse.Namespace) -> int:
    plotting.plot(args.runs, args.out, args.x)
    say(f"written: {args.out}")
    return 0


def show_list(args: argparse.Namespace) -> int:
    for line in listing.table():
        say(line)
    return 0


def check(args: argparse.Namespace) -> int:
    config, overrides = split(args.words)
    if config is None:
        raise ConfigError("CONFIG: missing; `rlg-genpo list` shows the shipped ones.")
    for line in checking.check(config, overrides):
        say(line)
    return 0


def examine(args: argparse.Namespace) -> int:
    lines, well = doctor.report(args.task)
    for line in lines:
        say(line)
    return 0 if well else 1


def swap(args: argparse.Namespace) -> int:
    text = swapping.swap(args.file, args.policy)
    if args.out is None:
        say(text, end="")
        return 0
    if args.out.exists():
        raise ConfigError(f"--out: {args.out} exists; name another file.")
    args.out.write_text(text)
    say(f"written: {args.out}")
    return 0


def split(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """CONFIG, if there is one, and the overrides."""
    plain = [word for word in words if "=" not in word or Path(word).is_file()]
    if len(plain) > 1:
        raise ConfigError(f"{plain[1]!r}: one CONFIG is enough; an override reads key=value.")
    return (plain[0] if plain else None), [word for word in words if word not in plain]


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rlg-genpo", description="Train and try generative policies in rl_games."
    )
    parser.add_argument("--version", action="version", version=f"rlg_genpo {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add = functools.partial(add_command, commands)
    add_train(add("train", train, "train a policy", "halfcheetah_genpo --seed 1 --frames 1000000"))
    add_play(add("play", play, "play episodes and print their returns", "runs/x_seed5"))
    add_eval(add("eval", evaluate, "measure a policy", "runs/x_seed5 --episodes 64 --json x.json"))
    add_export(add("export", export, "write each agent of a DDPL run to a file", "runs/x_seed5"))
    add_plot(add("plot", plot, "draw learning curves", "runs/a_seed1 runs/a_seed2 runs/b_seed1"))
    add("list", show_list, "show the shipped configurations", "")
    add_words(
        add(
            "check",
            check,
            "check a configuration without training",
            "ant_genpo network.flow.steps=8",
        )
    )
    add_swap(
        add("swap", swap, "turn a Gaussian rl_games YAML into ours", "mine.yaml --out genpo.yaml")
    )
    add_doctor(add("doctor", examine, "check the installation and the doors into Isaac Lab", ""))
    return parser


def add_command(
    commands: Any, name: str, function: Command, text: str, example: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"example: rlg-genpo {name} {example}".rstrip(),
    )
    command.set_defaults(function=function)
    return command


def add_words(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "words",
        nargs="*",
        metavar="CONFIG [key=value ...]",
        help=f"{WORDS}, such as config.learning_rate=3e-4",
    )


def add_train(command: argparse.ArgumentParser) -> None:
    add_words(command)
    command.add_argument("--seed", type=int, help="params.seed, and the environments'")
    command.add_argument("--frames", type=whole, help="environment frames of the whole run")
    command.add_argument("--envs", type=int, help="parallel environments (config.num_actors)")
    add_device(command)
    command.add_argument("--runs", metavar="DIR", help="parent of the run folder (default: runs)")
    command.add_argument("--name", help="name of the run folder (default: CONFIG_seedN)")
    command.add_argument(
        "--resume",
        metavar="RUN_OR_CHECKPOINT",
        help="go on with a run in its own folder and configuration; CONFIG may be left out, and "
        "--frames extends it",
    )


def add_play(command: argparse.ArgumentParser) -> None:
    add_run(command)
    command.add_argument("--episodes", type=int, default=10, help="default: %(default)s")
    command.add_argument("--sample", action="store_true", help="sample actions, not the mode")
    command.add_argument("--mode", metavar="MODE", help=f"{MODES}; --sample then starts from noise")
    add_device(command)


def add_eval(command: argparse.ArgumentParser) -> None:
    add_run(command)
    command.add_argument(
        "--episodes",
        type=int,
        default=64,
        help="episodes of each kind (default: %(default)s); rounded up so that every environment "
        "contributes as many",
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    add_checkpoint(command)
    command.add_argument(
        "--mode",
        nargs="+",
        default=[],
        metavar="MODE",
        help=f"shown beside the default; {MODES} (default: flow_ema)",
    )
    add_device(command)


def add_run(command: argparse.ArgumentParser) -> None:
    add_trained(command)
    command.add_argument("--seed", type=int, default=0, help="default: %(default)s")


def add_trained(command: argparse.ArgumentParser) -> None:
    command.add_argument("run", metavar="RUN_OR_CHECKPOINT", help="a run folder or a .pth file")
    command.add_argument("--config", help="its YAML, if there is no config.yaml in its run folder")


def add_checkpoint(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--checkpoint", choices=("last", "best"), default="last", help="of a run folder"
    )


def add_export(command: argparse.ArgumentParser) -> None:
    add_trained(command)
    add_checkpoint(command)
    command.add_argument(
        "--agent", nargs="+", default=[], metavar="NAME", help="these alone (default: every agent)"
    )
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="of NAME.pt (default: agents in the run folder)"
    )


def add_plot(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="run folders; those whose names differ in _seedN alone become a mean and a range",
    )
    command.add_argument(
        "--out", type=Path, default=Path("curves.png"), help="default: %(default)s"
    )
    command.add_argument(
        "--x", choices=tuple(plotting.AXES), default="frames", help="default: %(default)s"
    )


def add_swap(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", metavar="FILE", help="of rl_games' continuous PPO")
    command.add_argument(
        "--policy", choices=tuple(swapping.HEADS), default="genpo", help="default: %(default)s"
    )
    command.add_argument("--out", type=Path, metavar="FILE", help="default: the terminal")


def add_doctor(command: argparse.ArgumentParser) -> None:
    command.add_argument("--task", help="one of Isaac Lab's task ids: which --agent keys it has")


def whole(text: str) -> int:
    """A whole number, also written 3e6."""
    value = float(text)
    if value != int(value):
        raise ValueError
    return int(value)


def add_device(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="auto: the configuration's where it exists, else cuda, else cpu (default)",
    )


if __name__ == "__main__":
    sys.exit(main())
