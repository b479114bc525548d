"""The examples run as their docstrings say, on a small budget."""

import subprocess
import sys
from pathlib import Path

import pytest

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


def test_every_example_is_listed_here() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(RUNS)


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_example_runs(name: str, tmp_path: Path) -> None:
    arguments, picture = RUNS[name]
    if name not in ("multigoal.py", "two_agent_game.py"):
        pytest.importorskip("mjlab" if name.startswith("mjlab") else "envpool")
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("runs/*/nn/*.pth")), "no checkpoint was written"
    if picture is not None:
        header = (tmp_path / picture).read_bytes()[:8]
        assert header == b"\x89PNG\r\n\x1a\n"
