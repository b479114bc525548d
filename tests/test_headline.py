"""The README's picture is drawn from finished suites, and from no others."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def headline(monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("headline")


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A suite whose two entries have one run each, not finished yet."""
    for key in ("genpo", "ppo"):
        run = tmp_path / "runs" / "toy" / f"{key}_seed1"
        run.mkdir(parents=True)
        rows = "".join(f"{1000 * n},{n},{n},{n}\n" for n in range(1, 5))
        header = "frame,mean_return,cpu_seconds,wall_seconds\n"
        (run / "progress.csv").write_text(header + rows)
    path = tmp_path / "toy.yaml"
    path.write_text(
        "{title: 'Toy, a task', frames: 4000, seeds: [1], entries: [{key: genpo, label: GenPO, "
        "config: c}, {key: ppo, label: Gaussian, config: c}]}"
    )
    return path


def drawn(headline, suite: Path) -> bytes:
    out = suite.parent / "picture.png"
    words = [str(suite), "--runs", str(suite.parent / "runs"), "--out", str(out)]
    headline.main(words)
    return out.read_bytes()


def test_a_finished_suite_is_drawn_and_an_unfinished_one_is_not(headline, suite) -> None:
    with pytest.raises(SystemExit, match="no suite is finished"):
        drawn(headline, suite)
    for run in suite.parent.glob("runs/toy/*"):
        about = {"status": "finished", "peak_memory_mb": 1}
        (run / "run.json").write_text(json.dumps(about))
    assert drawn(headline, suite).startswith(b"\x89PNG")


def test_names_keep_their_distance_and_their_order(headline) -> None:
    heights = headline.spread_out(np.array([3.0, 1.0, 1.5, 9.0]), 1.0)
    assert heights.tolist() == [3.0, 1.0, 2.0, 9.0]
