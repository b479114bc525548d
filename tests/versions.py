"""Run the tests that touch rl_games on other versions: ``python tests/versions.py FOLDER ...``

Each FOLDER holds an ``rl_games`` package, as a clone does, or what ``pip install --no-deps
--target FOLDER rl-games==...`` makes. Without one, the folders in the environment variable
``RL_GAMES_FOLDERS`` are taken, separated as in PATH. What a version needs beside torch (1.6.1: gym
and ray) stands on PYTHONPATH as usual.

Not collected by pytest. One process per version, which makes sure of what it has imported; one line
per version; exit code 1 if a test failed or a folder is none.
"""

import argparse
import inspect
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[1]
VARIABLE = "RL_GAMES_FOLDERS"

TESTS = ["tests/test_algorithm.py", "tests/host", "tests/common", "tests/genpo", "tests/cppo"]
TESTS += [
    "tests/ddpl",
    "tests/export/test_policies.py",
    "tests/isaaclab/test_door.py",
    "tests/isaaclab/test_scripts.py",
]
#: training, resuming and playing on a real simulator, through the command line
ENVPOOL_TESTS = [
    f"tests/cli/test_cli.py::{name}"
    for name in (
        "test_train_writes_the_run_folder",
        "test_resume_goes_on",
        "test_play_prints_an_episode_a_line",
        "test_eval_repeats_itself",
        "test_a_recurrent_policy_trains_and_plays",
    )
]


@dataclass
class Outcome:
    """What became of one version's tests."""

    version: str
    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    ended: bool = False

    @property
    def good(self) -> bool:
        return self.ended and self.counts["passed"] > 0 and not self.counts["failed"]


class Counting:
    """A pytest plugin that counts tests by how they ended."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report) -> None:
        # A test is its call; a setup or a teardown counts only where it skipped or failed.
        if report.when == "call" or report.outcome != "passed":
            self.counts[report.outcome] += 1

    def pytest_collectreport(self, report) -> None:
        if report.failed:
            self.counts["failed"] += 1


def work(folder: Path, report: Path, words: list[str]) -> int:
    """In the version's own process: make sure of the package, run the tests, report."""
    sys.path.insert(0, str(folder))
    os.chdir(ROOT)
    import pytest
    import rl_games.torch_runner

    found = Path(rl_games.torch_runner.__file__).resolve().parents[1]
    assert found == folder, f"imported rl_games of {found}, not of {folder}"
    outcome = Outcome(version_of(folder))
    if not any("::" in word or word.startswith("tests/") for word in words):
        words = [*words, *TESTS, *simulator_tests(outcome)]
    counting = Counting()
    quiet = ["-q", "-p", "no:cacheprovider", "-W", "ignore"]
    code = pytest.main([*quiet, *words], plugins=[counting])
    outcome.ended = code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    outcome.counts = counting.counts
    report.write_text(json.dumps(vars(outcome)))
    return code


def version_of(folder: Path) -> str:
    """As its metadata say, where it has any; else as its features do."""
    for distribution in distributions(path=[str(folder)]):
        if (distribution.name or "").lower().replace("_", "-") == "rl-games":
            return distribution.version
    from rl_games.algos_torch.a2c_continuous import A2CAgent

    if hasattr(A2CAgent, "sync_running_stats"):
        return "2.0 (by its features)"
    return ("1.6.5" if hasattr(A2CAgent, "calc_losses") else "1.6.1") + " (by its features)"


def drives_envpool() -> bool:
    """Whether rl_games' adapter speaks today's envpool; 1.6.1's asks for ``gym`` before 0.26."""
    from rl_games.envs.envpool import Envpool

    return "terminated" in inspect.getsource(Envpool.step)


def simulator_tests(outcome: Outcome) -> list[str]:
    """The tests on envpool, if it is here and this rl_games can drive it."""
    if find_spec("envpool") is None:
        outcome.notes.append("without envpool, which is not installed")
        return []
    if not drives_envpool():
        outcome.notes.append(
            "without envpool, which this rl_games drives with gym before 0.26 alone"
        )
        return []
    return ENVPOOL_TESTS


def run(folder: Path, words: list[str]) -> Outcome:
    """One version in a process of its own; its output passes through."""
    if not (folder / "rl_games" / "torch_runner.py").is_file():
        return Outcome("none", notes=["there is no rl_games package in this folder"])
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    with tempfile.TemporaryDirectory() as temporary:
        report = Path(temporary) / "report.json"
        command = [sys.executable, __file__, "--work", str(report), str(folder), "--", *words]
        environment = {"OMP_NUM_THREADS": "1", **os.environ, "PYTHONPATH": path}
        code = subprocess.run(command, env=environment, cwd=ROOT).returncode
        if not report.is_file():
            return Outcome("unknown", notes=[f"no test ran; exit code {code}, see above"])
        facts = json.loads(report.read_text())
    return Outcome(**{**facts, "counts": Counter(facts["counts"])})


def installed() -> Path:
    """The folder of the rl_games that this Python imports."""
    spec = find_spec("rl_games")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("rl_games is not installed, and no FOLDER holds one.")
    return Path(spec.submodule_search_locations[0]).resolve().parent


def line_of(folder: Path, outcome: Outcome) -> str:
    counts = ", ".join(f"{outcome.counts[key]} {key}" for key in ("passed", "failed", "skipped"))
    notes = "".join(f"; {note}" for note in outcome.notes)
    return f"rl_games {outcome.version}  {folder}: {counts}{notes}"


def main(argv: list[str] | None = None) -> int:
    """Returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    # What follows "--" is pytest's, and may begin with a dash.
    cut = words.index("--") if "--" in words else len(words)
    words, for_pytest = words[:cut], words[cut + 1 :]
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n")[0],
        epilog="What follows -- goes to pytest, such as -- -m 'not slow' or -- tests/common -x.",
    )
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(words)
    if arguments.work:
        return work(arguments.folders[0], arguments.work, for_pytest)
    named = os.environ.get(VARIABLE, "").split(os.pathsep)
    folders = arguments.folders or [Path(name) for name in named if name]
    none_else = not folders
    folders = [folder.resolve() for folder in folders] or [installed()]
    outcomes = {folder: run(folder, for_pytest) for folder in folders}
    for folder, outcome in outcomes.items():
        print(line_of(folder, outcome), flush=True)
    if none_else:
        print(f"Ran the installed rl_games only: no FOLDER was given and {VARIABLE} is not set.")
    return 0 if all(outcome.good for outcome in outcomes.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
