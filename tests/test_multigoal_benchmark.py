"""The multi-goal benchmark: what it refuses, what it writes, and a small one from end to end."""

import importlib
import sys
from pathlib import Path

import pytest

from rlg_genpo.cli import configs, validation
from tests.test_benchmarks import starting_in

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
MARKED = "before\n<!-- multigoal -->\nold\n<!-- end multigoal -->\nafter\n"


@pytest.fixture(scope="module")
def multigoal():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module("multigoal")


def test_all_entries_train_for_as_many_frames(multigoal, tmp_path):
    suite = multigoal.suite_of([1], multigoal.FRAMES, tmp_path)
    for entry in suite.entries:
        params = configs.load(configs.find(entry.config))
        configs.override(params, entry.overrides)
        validation.check(params)
        per_quarter = params["config"]["save_frequency"] * validation.frames_per_epoch(
            params["config"]
        )
        assert 4 * per_quarter == suite.frames
    assert len({entry.key for entry in suite.entries}) == len(suite.entries)


def test_quarters_are_whole_epochs(multigoal, tmp_path):
    with pytest.raises(SystemExit, match="--frames 5000: must be a multiple of 12288"):
        multigoal.suite_of([1], 5000, tmp_path)


def test_filling_in_replaces_what_stands_between_the_marks(multigoal, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(MARKED)
    assert multigoal.fill_in(page, "new")
    assert page.read_text() == MARKED.replace("old", "new")


@pytest.mark.parametrize("text", ["", "<!-- multigoal -->\nno end\n"])
def test_a_page_without_marks_is_left_alone(multigoal, tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text)
    assert not multigoal.fill_in(page, "new")
    assert page.read_text() == text


@pytest.mark.slow
def test_a_small_benchmark_trains_counts_and_draws(multigoal, tmp_path, monkeypatch, capsys, warm):
    monkeypatch.setattr(sys.modules["learning"], "subprocess", starting_in(warm))
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "RESULTS.md").write_text(MARKED)
    words = ["--seeds", "1", "--frames", str(4 * 3072), "--runs", str(tmp_path / "runs")]
    words += ["--jobs", "1", "--docs", str(docs), "--only", "ppo", "cppo"]
    assert multigoal.main(words) == 0
    page = (docs / "RESULTS.md").read_text()
    rows = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")]
    assert rows == ["policy", "Gaussian PPO", "CPPO"]
    assert page.startswith("before\n") and page.endswith("after\n")
    assert page.split("\n\n")[1] in capsys.readouterr().out
    picture = docs / "results" / "multigoal.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    # Nothing is left to train, but not all that --report asks for is there.
    assert multigoal.main([*words, "--report"]) == 0
    assert multigoal.main([*words[:-3], "--only", "genpo", "--report"]) == 1
