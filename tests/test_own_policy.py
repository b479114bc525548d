"""CONTRIBUTING.md's example: a policy from another package, with no file of ours edited."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import toml
import yaml

from tests.warm import Warm

ROOT = Path(__file__).parents[1]
Python = Callable[[str], subprocess.CompletedProcess[str]]
EXAMPLE = ROOT / "examples" / "own_policy"

#: one process runs every command of the command line
EVERY_COMMAND = """
import sys
from rlg_genpo.cli import main

small = ["--envs", "8", "config.minibatch_size=64"]
run = "runs/mine_seed3"
for words in (
    ["swap", "multigoal_ppo", "--policy", "laplace", "--out", "mine.yaml"],
    ["check", "mine.yaml", "network.laplace.scale=0.3"],
    ["train", "mine.yaml", "--seed", "3", "--frames", "960", *small],
    ["train", "--resume", run, "--frames", "1920"],
    ["eval", run, "--episodes", "8", "--json", "evaluation.json"],
    ["play", run, "--episodes", "2"],
    ["plot", run, "--out", "curve.png"],
):
    if main(words) != 0:
        sys.exit(f"failed: {words}")
"""


@pytest.fixture
def python(tmp_path: Path, warm: Warm) -> Python:
    """Runs code in a process in which pip has installed the example."""
    site = tmp_path / "site"
    shutil.copytree(EXAMPLE / "laplace_policy", site / "laplace_policy")
    project = toml.load(EXAMPLE / "pyproject.toml")["project"]
    metadata = site / f"{project['name']}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    path = os.pathsep.join([str(site), str(ROOT), os.environ.get("PYTHONPATH", "")])
    return lambda code: warm.run(["-c", code], tmp_path, {**os.environ, "PYTHONPATH": path})


@pytest.mark.slow
def test_every_command_takes_a_policy_of_another_package(tmp_path: Path, python: Python) -> None:
    done = python(EVERY_COMMAND)
    assert done.returncode == 0, done.stdout + done.stderr
    swapped = yaml.safe_load((tmp_path / "mine.yaml").read_text())["params"]
    assert swapped["network"]["name"] == "laplace_actor_critic"
    assert swapped["network"]["laplace"] == {"scale": 0.4}
    assert "laplace: Laplace distribution of scale 0.3" in done.stdout
    assert "finished at 1920 frames" in done.stdout
    assert "mean return" in done.stdout
    assert (tmp_path / "evaluation.json").is_file()
    assert (tmp_path / "curve.png").is_file()


@pytest.mark.slow
def test_its_settings_are_checked_like_ours(python: Python) -> None:
    code = (
        "from rlg_genpo.cli import main\n"
        "main(['swap', 'multigoal_ppo', '--policy', 'laplace', '--out', 'mine.yaml'])\n"
        "for word in ('network.laplace.scale=0', 'network.flow.steps=3'):\n"
        "    assert main(['check', 'mine.yaml', word]) == 2\n"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr
    assert "error: params.network.laplace.scale: must be above 0, got 0.0." in done.stderr
    assert "error: params.network.flow: is a block of genpo and cppo, not of laplace" in done.stderr


@pytest.mark.slow
def test_a_package_that_is_imported_first_is_read_when_it_is_complete(
    tmp_path: Path, python: Python
) -> None:
    """As Isaac Lab imports it: after rl_games, before anybody has imported us."""
    code = (
        "import yaml, rl_games.torch_runner, laplace_policy\n"
        "from rlg_genpo.cli import swapping\n"
        "from rl_games.torch_runner import Runner\n"
        "runner = Runner()\n"
        "params = yaml.safe_load(swapping.swap('multigoal_ppo', 'laplace'))['params']\n"
        "params['config'].update(device='cpu', device_name='cpu')\n"
        "runner.load({'params': params})\n"
        "print(type(runner.create_player().model.policy).__name__)\n"
    )
    done = python(code)
    assert done.stdout.splitlines()[-1] == "LaplacePolicy", done.stderr
    assert "left out" not in done.stderr


@pytest.mark.parametrize(
    ("point", "said"),
    [("no_such_package:ALGORITHM", "is left out"), ("namesake:ALGORITHM", "already")],
)
def test_a_faulty_entry_point_costs_nobody_else(
    tmp_path: Path, python: Python, point: str, said: str
) -> None:
    (file,) = (tmp_path / "site").glob("*.dist-info/entry_points.txt")
    (tmp_path / "site" / "namesake.py").write_text("from rlg_genpo.genpo import ALGORITHM\n")
    file.write_text(f"[rlg_genpo.algorithms]\nfaulty = {point}\n")
    code = "from rlg_genpo.algorithm import algorithms; print(*algorithms())"
    done = python(code)
    assert done.stdout.split() == ["genpo", "cppo", "ddpl"]
    assert said in done.stderr
