"""The script that runs the tests on other versions of rl_games: it runs, counts, and refuses."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests import versions

pytestmark = pytest.mark.slow

SCRIPT = Path(versions.__file__)
TINY = ["--", "tests/host/test_compat.py", "-k", "envpool or frame"]


def run(*words, folders=None):
    environment = {k: v for k, v in os.environ.items() if k != versions.VARIABLE}
    if folders is not None:
        environment[versions.VARIABLE] = os.pathsep.join(map(str, folders))
    command = [sys.executable, str(SCRIPT), *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=3000)


def test_each_folder_is_run_and_reported_on_a_line(tmp_path):
    empty, broken, other = (tmp_path / name for name in ("empty", "broken", "other"))
    for folder in (broken, other):
        (folder / "rl_games").mkdir(parents=True)
        (folder / "rl_games" / "torch_runner.py").write_text("raise ImportError('as it says')")
    # Without this file Python goes on to look for a package, and finds the installed one.
    (broken / "rl_games" / "__init__.py").touch()
    here = versions.installed()
    done = run(*TINY, folders=[empty, broken, other, here])
    assert done.returncode == 1
    lines = done.stdout.splitlines()[-4:]
    assert lines[0] == (
        f"rl_games none  {empty}: 0 passed, 0 failed, 0 skipped; there is no rl_games package in "
        "this folder"
    )
    assert all("0 passed" in line and "no test ran; exit code 1" in line for line in lines[1:3])
    assert "ImportError: as it says" in done.stderr
    assert f"imported rl_games of {here}, not of {other}" in done.stderr
    counted = re.escape(f"{here}: 2 passed, 0 failed, 0 skipped")
    assert re.fullmatch(rf"rl_games \d+\.\d+\S*( \(by its features\))?  {counted}", lines[3])


def test_it_says_that_it_ran_the_installed_one_only(monkeypatch, capsys):
    good = versions.Outcome("any", Counter(passed=2), ended=True)
    monkeypatch.delenv(versions.VARIABLE, raising=False)
    monkeypatch.setattr(versions, "run", lambda folder, words: good)
    assert versions.main(TINY) == 0
    counts, only = capsys.readouterr().out.splitlines()
    assert f"{versions.installed()}: 2 passed" in counts
    assert only == (
        "Ran the installed rl_games only: no FOLDER was given and RL_GAMES_FOLDERS is not set."
    )


def test_a_failed_test_is_a_failure_and_so_is_none(tmp_path):
    (tmp_path / "test_fails.py").write_text("def test_fails():\n    assert False\n")
    outcome = versions.run(versions.installed(), [f"{tmp_path}/test_fails.py::test_fails"])
    assert (outcome.counts["failed"], outcome.good) == (1, False)
    assert not versions.Outcome("any", ended=True).good


def test_what_it_runs_exists():
    for word in versions.TESTS:
        assert (versions.ROOT / word).exists(), word
    for word in versions.ENVPOOL_TESTS:
        file, _, name = word.partition("::")
        assert f"def {name}(" in (versions.ROOT / file).read_text(), word


@pytest.mark.skipif(
    not os.environ.get(versions.VARIABLE),
    reason=f"{versions.VARIABLE} is not set: no other versions of rl_games to run on",
)
def test_every_other_version_passes():
    done = run(folders=os.environ[versions.VARIABLE].split(os.pathsep))
    assert done.returncode == 0, done.stdout + done.stderr
