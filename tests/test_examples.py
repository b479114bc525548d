"""The examples run as their docstrings say, on a small budget."""

from pathlib import Path

import pytest

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


def test_every_example_is_listed_here() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(RUNS)


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
