"""The examples run as their docstrings say, on a small budget."""

import subprocess
import sys
from pathlib import Path

import pytest

from rlg_genpo import cli
from tests.warm import Warm

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parent.parent / "examples"

RUNS = {
    "train_from_python.py": (["2"], None),
    "own_network.py": (["2"], None),
    "learned_density.py": (["2", "density.png"], "density.png"),
    "paper_and_narrow.py": (["1", "heads.png"], "heads.png"),
    "mjlab_cartpole.py": (["2", "64"], None),
    "multigoal.py": (["cppo", "2", "goals.png"], "goals.png"),
    "two_agent_game.py": (["2", "2", "game.png"], "game.png"),
}


#: has a test of its own
DEPLOY = "deploy_onnx.py"


def test_every_example_is_listed_here() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*RUNS, DEPLOY}


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_example_runs(name: str, tmp_path: Path, warm: Warm) -> None:
    arguments, picture = RUNS[name]
    if name not in ("multigoal.py", "two_agent_game.py"):
        pytest.importorskip("mjlab" if name.startswith("mjlab") else "envpool")
    done = warm.run([str(EXAMPLES / name), *arguments], tmp_path)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("runs/*/nn/*.pth")), "no checkpoint was written"
    if picture is not None:
        header = (tmp_path / picture).read_bytes()[:8]
        assert header == b"\x89PNG\r\n\x1a\n"


#: runs a program where torch and what needs it cannot be imported
ALONE = """
import runpy, sys
for name in ("torch", "rl_games", "rlg_genpo"):
    sys.modules[name] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("words", [[], ["--sample"]])
def test_an_exported_policy_runs_without_torch_and_us(words: list[str], tmp_path: Path) -> None:
    for package in ("envpool", "mujoco", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    small = ["--frames", "4096", "--envs", "8", "config.minibatch_size=512"]
    train = ["train", "halfcheetah_genpo", "--runs", str(tmp_path), "--name", "run", *small]
    assert cli.main(train) == 0
    assert cli.main(["export", str(tmp_path / "run"), "--verify", *words]) == 0
    file = str(tmp_path / "run" / "exported" / "policy.onnx")
    program = [sys.executable, "-c", ALONE, str(EXAMPLES / DEPLOY), file, "2"]
    done = subprocess.run(program, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2 and all("length  1000" in line for line in lines)
