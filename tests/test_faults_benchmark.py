"""A small, seeded share of benchmarks/faults.py."""

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture(scope="module")
def faults():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module("faults")


@pytest.mark.slow
def test_a_quick_share_of_the_faults_costs_nothing(faults, capsys):
    words = ["--quick", "--seed", "7", "--parts", "kills"]
    assert faults.main(words) == 0, capsys.readouterr().out
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split("|")[1].strip() for row in rows] == [
        f"SIGKILL, {name}" for name in ("genpo", "cppo", "ddpl")
    ]


@pytest.mark.slow
def test_a_quick_share_of_the_long_run_is_well(faults, capsys):
    assert faults.main(["--quick", "--parts", "long"]) == 0, capsys.readouterr().out
    long, twins = capsys.readouterr().out.splitlines()[2:]
    assert long.startswith("| 40 epochs, genpo | 1 | 1 | inverse error at most ")
    assert twins == "| the same seed twice | 3 | 3 |  |"


def test_a_fault_that_costs_something_is_counted_and_said(faults, monkeypatch, capsys):
    outcome = importlib.import_module("reliability.outcome").Outcome("a fault")
    outcome.count([])
    outcome.count(["it was lost"])
    monkeypatch.setattr(faults.PARTS["kills"], "measure", lambda *_: [outcome])
    assert faults.main(["--parts", "kills"]) == 1
    said = capsys.readouterr().out
    assert "| a fault | 2 | 1 |  |" in said and said.endswith("\nit was lost\n")
