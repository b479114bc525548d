"""The learning benchmark: its statistics, and a suite that is interrupted and goes on."""

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from rlg_genpo.cli import configs, validation

FILE = Path(__file__).parent.parent / "benchmarks" / "learning.py"
SUITES = sorted(FILE.parent.glob("suites/*.yaml"))


@pytest.fixture(scope="module")
def learning():
    import sys

    spec = importlib.util.spec_from_file_location("learning", FILE)
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up while it is being made.
    sys.modules["learning"] = module
    spec.loader.exec_module(module)
    return module


def starting_in(warm):
    """``subprocess`` for the benchmarks, which start ``rlg-genpo train`` with it."""
    return SimpleNamespace(run=lambda words, env, **streams: warm.run(words, Path.cwd(), env))


def test_interquartile_mean_of_four_is_the_mean_of_the_middle_two(learning):
    assert learning.interquartile_mean(np.array([100.0, 2.0, 4.0, -50.0])) == 3.0


def test_interquartile_mean_weighs_fractionally(learning):
    # n/4 = 0.75 off each end of three: weights 0.25, 1, 0.25.
    assert learning.interquartile_mean(np.array([0.0, 3.0, 9.0])) == pytest.approx(5.25 / 1.5)


@pytest.mark.slow
def test_the_interval_shrinks_with_the_root_of_the_sample(learning):
    few, many = (np.random.default_rng(1).normal(size=n) for n in (50, 5000))
    low, high = learning.interval(few, seed=0)
    assert low < few.mean() < high
    width, narrow = high - low, np.diff(learning.interval(many, seed=0))[0]
    assert width / narrow == pytest.approx(10, rel=0.25)


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_every_entry_of_a_suite_may_be_trained(learning, tmp_path, path):
    suite = learning.Suite.load(path, tmp_path)
    assert len({entry.key for entry in suite.entries}) == len(suite.entries)
    for entry in suite.entries:
        params = configs.load(configs.find(entry.config))
        configs.override(params, entry.overrides)
        validation.check_shape(params)
        validation.check_settings(params)


def test_overrides_that_entries_share_come_where_they_stand(learning, tmp_path):
    path = tmp_path / "suite.yaml"
    path.write_text(
        "{title: t, frames: 1, seeds: [1], before: [&b [x.a=1, x.b=2]], entries: "
        "[{key: k, label: l, config: c, overrides: [*b, x.a=3]}, {key: m, label: l, config: c}]}"
    )
    entries = learning.Suite.load(path, tmp_path).entries
    assert [entry.overrides for entry in entries] == [("x.a=1", "x.b=2", "x.a=3"), ()]


def test_filling_in_replaces_only_what_stands_between_the_marks(learning, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a -->\nold\n<!-- end -->\nbetween\n<!-- b -->\nb\n<!-- end -->\n")
    learning.fill_in(page, "a", "new")
    assert page.read_text() == (
        "before\n<!-- a -->\nnew\n<!-- end -->\nbetween\n<!-- b -->\nb\n<!-- end -->\n"
    )


@pytest.mark.slow
def test_a_suite_trains_reports_and_goes_on(learning, tmp_path, monkeypatch, warm):
    pytest.importorskip("envpool")
    monkeypatch.setattr(learning, "subprocess", starting_in(warm))
    small = ["config.num_actors=4", "config.horizon_length=32", "config.minibatch_size=64"]
    small += ["config.env_config.max_episode_steps=20"]
    entries = [
        {"key": policy, "label": policy, "config": f"pendulum_{policy}", "overrides": small}
        for policy in ("genpo", "ppo")
    ]
    suite = {"title": "Pendulum", "frames": 512, "seeds": [1, 2], "entries": entries}
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(suite))
    words = [str(path), "--runs", str(tmp_path / "runs"), "--docs", str(tmp_path / "docs")]
    words += ["--jobs", "1"]

    # An interrupted suite: one policy's runs are still missing, and the exit code says so.
    assert learning.main([*words, "--only", "genpo"]) == 1
    facts = tmp_path / "runs" / "tiny" / "genpo_seed1" / "run.json"
    before = json.loads(facts.read_text())
    assert before["status"] == "finished"

    assert learning.main(words) == 0
    assert json.loads(facts.read_text()) == before, "a finished run was trained again"
    page = (tmp_path / "docs" / "RESULTS.md").read_text()
    assert page.count("| genpo | 2 |") == page.count("| ppo | 2 |") == 1
    assert (tmp_path / "docs" / "results" / "tiny.png").read_bytes().startswith(b"\x89PNG")
