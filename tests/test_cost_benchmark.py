"""The cost benchmark: its statistics, meters and verdicts, and its cheap parts end to end."""

import itertools
import json
from pathlib import Path

import pytest
import torch
from torch import nn

FOLDER = Path(__file__).parent.parent / "benchmarks"
CHEAP = ("jacobian", "policies", "memory", "latency")


@pytest.fixture(autouse=True)
def on_path(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)


@pytest.fixture
def plan(tmp_path):
    import io

    from costs.plan import Plan
    from costs.progress import Progress

    return Plan("cpu", tmp_path, Progress(io.StringIO()), quick=True)


def test_a_ratio_is_the_median_of_each_rounds_own():
    from costs.timing import median_ratio

    # The second round fell on a machine ten times slower; each round says 2, 2 and 5.
    assert median_ratio([2.0, 20.0, 5.0], [1.0, 10.0, 1.0]) == 2.0


def test_contestants_take_turns(plan):
    import dataclasses

    from costs.timing import contest, steps_of

    calls: list[str] = []
    works = {name: (lambda name=name: calls.append(name)) for name in "ab"}
    longer = dataclasses.replace(plan, quick=False, rounds=3)
    seconds = contest(works, longer, 5, "turns")
    assert [len(taken) for taken in seconds.values()] == [3, 3]
    # after the warm-up each round has one stretch of each contestant
    stretches = [name for name, _ in itertools.groupby(calls)]
    assert stretches == ["a", "b"] * 4
    assert plan.progress.done == steps_of(2, longer, 5) == 8


def test_memory_meter_sees_the_highest_point():
    from costs.memory import peak_mb

    def work() -> None:
        first = torch.zeros(1_000_000)  # 4 MB
        del first
        second = torch.zeros(2_000_000)  # 8 MB, with the first gone
        third = torch.zeros(500_000)  # 2 MB beside it
        del second, third

    assert peak_mb(work, "cpu") == pytest.approx(10.0, rel=0.01)


def test_multiply_adds_of_a_product_and_its_gradient():
    from costs.operations import multiply_adds

    layer, rows = nn.Linear(5, 7, bias=False), torch.randn(3, 5)
    assert multiply_adds(lambda: layer(rows)) == 3 * 5 * 7
    # the gradient of the weight costs as much again; the rows want none
    assert multiply_adds(lambda: layer(rows).sum().backward()) == 2 * 3 * 5 * 7


def test_verdicts():
    from costs.bars import Bar

    most = Bar("", 1.25, lambda parts: None)
    least = Bar("", 40, lambda parts: None, least=True)
    assert [most.verdict(v) for v in (1.25, 1.26, None)] == ["held", "not held", "not measured"]
    assert [least.verdict(v) for v in (39.9, 40.0)] == ["not held", "held"]


def test_bars_read_the_rows_that_the_parts_write():
    from costs import agents, bars, density, exported, memory, policies, training
    from costs.plan import Row

    parts = {
        "jacobian": [
            Row("Humanoid", density.UPDATE, density.JACOBIAN, 1.0, 50.0),
            Row("Humanoid", density.ROLLOUT, density.JACOBIAN, 1.0, 90.0),
            Row("Humanoid", density.UPDATE, density.KIND, 1.0, 45.0),
            Row("Humanoid", density.ROLLOUT, density.KIND, 1.0, 60.0),
        ],
        "policies": [
            Row(size, policies.UPDATE, agents.PAPER, 1.0, 6.0, 1.0, 4.0)
            for size in ("Ant", "Humanoid")
        ],
        "memory": [Row("Humanoid", "20", memory.MEMORIES[1], 1.0, 1.1)],
        "training": [
            Row(task, training.WALL, who, 1.0, 1.3)
            for task in ("halfcheetah", "ant")
            for who in (agents.FAST, agents.CPPO)
        ],
        "export": [
            Row(size, exported.FILE, who, 1e3 * value, 0.1)
            for size in ("Ant", "Humanoid")
            for who, value in ((agents.FAST, 0.25), (agents.PAPER, 0.35), (agents.CPPO, 0.2))
        ],
    }
    lines = {bar.text: bar.line(parts) for bar in bars.CPU if "seeds" not in bar.text}
    measured = [line[2] for line in lines.values()]
    jacobian = ["50.0", "90.0", "45.0", "60.0"]
    rest = ["1.50", "1.50", "1.30", "1.30", "1.30", "1.30", "1.10"]
    rest += ["0.25", "0.25", "0.35", "0.35", "0.20", "0.20"]
    assert measured == [*jacobian, *rest]
    held = [line[3] for line in lines.values()]
    assert held[:4] == ["held", "not held", "held", "not held"]
    assert held[4:11] == [*["not held"] * 4, "held", "held", "held"]
    assert held[11:] == ["held", "held", "not held", "not held", "held", "held"]


def test_returns_are_compared_where_every_seed_has_been_run(tmp_path, monkeypatch):
    from costs import bars

    suite = "entries: [{key: genpo, label: a, config: a}, {key: genpo_paper, label: b, config: b}]"
    (tmp_path / "toy.yaml").write_text(f"title: toy\nframes: 10\nseeds: [1, 2]\n{suite}\n")
    monkeypatch.setattr(bars, "SUITES", tmp_path)
    monkeypatch.setattr(bars, "ROOT", tmp_path)

    def run(key, seed, score):
        folder = tmp_path / "runs" / "bench" / "toy" / f"{key}_seed{seed}"
        folder.mkdir(parents=True)
        columns = "frame,mean_return,wall_seconds,cpu_seconds"
        rows = "".join(f"{f},{score},1,1\n" for f in (5, 10))
        (folder / "progress.csv").write_text(f"{columns}\n{rows}")
        about = {"status": "finished", "peak_memory_mb": 1.0}
        (folder / "run.json").write_text(json.dumps(about))

    for seed, score in ((1, 3.0), (2, 5.0)):
        run("genpo", seed, score)
    run("genpo_paper", 1, 1.0)
    assert bars.learned("toy")({}) is None
    run("genpo_paper", 2, 4.0)
    assert bars.learned("toy")({}) == pytest.approx(4.0 / 2.5)


def test_every_contestant_of_training_is_a_shipped_config(plan):
    import dataclasses

    from costs import agents, training

    tasks = training.tasks(dataclasses.replace(plan, quick=False))
    shipped = {path.stem for path in (FOLDER.parent / "task_configs").glob("*.yaml")}
    assert {c.config for task in tasks for c in task.contestants.values()} <= shipped
    # the bars look for these names
    assert list(tasks[0].contestants) == list(tasks[1].contestants)
    assert list(tasks[0].contestants) == [agents.PPO, agents.FAST, agents.PAPER, agents.CPPO]


def test_a_run_is_read_without_its_first_epoch(tmp_path):
    from costs.training import read

    (tmp_path / "progress.csv").write_text(
        "frame,wall_seconds,cpu_seconds\n1000,9.0,8.0\n2000,10.0,8.5\n3000,11.0,9.0\n"
    )
    (tmp_path / "run.json").write_text(json.dumps({"peak_memory_mb": 400.0}))
    cost = read(tmp_path)
    assert (cost.wall, cost.cpu, cost.memory) == pytest.approx((1000.0, 500.0, 400.0))


@pytest.mark.parametrize("kind", [False, True])
def test_jacobian_method_agrees_with_the_closed_form(plan, kind):
    from costs import agents, density
    from costs.jacobian import JacobianPolicy
    from costs.sizes import MIX, STEPS, TINY

    params = agents.params_of(agents.PAPER, TINY, agents.load_for("cpu", True), "cpu", plan.folder)
    ours = agents.agent_of(params).policy.double()
    jacobian = JacobianPolicy(TINY.observation, TINY.action, STEPS, MIX, TINY.units, kind).double()
    density.copy_weights(jacobian.velocity, jacobian.time, ours, TINY)
    obs = torch.randn(4, TINY.observation, dtype=torch.float64)
    pair = torch.randn(4, 2 * TINY.action, dtype=torch.float64)
    found = [
        density.log_density(name, policy, obs, pair)
        for name, policy in ((density.OURS, ours), (density.JACOBIAN, jacobian))
    ]
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-6)
    with torch.no_grad():
        pair, said = jacobian.act(obs)
    torch.testing.assert_close(
        density.log_density(density.OURS, ours, obs, pair), said, rtol=0, atol=1e-6
    )


@pytest.mark.slow
def test_quick_look_writes_the_document_and_keeps_its_prose(tmp_path, warm):
    page = tmp_path / "COST.md"
    page.write_text("before\n<!-- cost cpu -->\nold\n<!-- end -->\nafter\n")
    program = [str(FOLDER / "cost.py"), "--quick", "--device", "cpu"]
    done = warm.run([*program, "--docs", str(tmp_path), "--parts", *CHEAP], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "[part 4 of 4, latency]" in done.stderr
    text = page.read_text()
    assert text.startswith("before\n<!-- cost cpu -->") and "\nafter\n" in text
    assert "old" not in text
    assert "tiny sizes and one repeat" in text and str(tmp_path) not in text
    assert "| tiny | update | GenPO, fast head |" in text
    assert "python benchmarks/cost.py --device cuda" in text
    assert (tmp_path / "results" / "cost.png").read_bytes().startswith(b"\x89PNG")
    kept = json.loads((tmp_path / "results" / "cost.json").read_text())
    assert tuple(kept) == CHEAP


@pytest.mark.slow
def test_the_exported_files_are_raced_against_their_players(plan):
    pytest.importorskip("onnxruntime", reason="the extra export")
    from costs import agents, exported

    rows = exported.measure(plan)
    assert plan.progress.done == exported.measurements(plan)
    assert {(row.who, row.what) for row in rows} == {
        (who, what) for who in agents.POLICIES for what in (exported.PLAYER, exported.FILE)
    }
    assert all(row.value > 0 for row in rows)
    assert "| tiny | DDPL | onnxruntime |" in exported.table(rows)
