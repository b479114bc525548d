"""(g) One action on a robot: the exported ONNX file in onnxruntime, beside the eager player."""

from collections.abc import Callable
from statistics import median
from typing import Any

import torch

from costs import agents, latency, tables, timing
from costs.plan import Plan, Row
from rlg_genpo.export import files
from rlg_genpo.export.policies import policies_of

TITLE = "Latency of the exported policy"
ROUNDS = 5
PLAYER, FILE = "player", "onnxruntime"

TEXT = """One deterministic action for one observation, on a CPU: the player's `get_action`, eager,
and the file that `rlg-genpo export` writes, in onnxruntime with one thread. Weights are initial
ones. DDPL has a file for each of its two agents; they run one after the other."""


def measurements(plan: Plan) -> int:
    races = len(latency.sizes(plan)) * len(agents.POLICIES)
    return races * timing.steps_of(2, plan, ROUNDS)


def measure(plan: Plan) -> list[Row]:
    """Values are microseconds a call; ratios are to the player."""
    version = files.needed("onnxruntime", "--parts export").__version__
    plan.note(f"Export: onnxruntime {version}.")
    load = agents.load_for("cpu", plan.quick)
    rows: list[Row] = []
    for size in latency.sizes(plan):
        obs = torch.randn(1, size.observation)
        for who in agents.POLICIES:
            params = agents.params_of(who, size, load, "cpu", plan.folder)
            player = agents.player_of(params)
            works = {
                PLAYER: lambda p=player, o=obs: p.get_action(o, True),
                FILE: run_of(player, params, plan, obs),
            }
            seconds = timing.contest(works, plan, ROUNDS, f"{size.name}, {who}")
            for what, taken in seconds.items():
                ratio = timing.median_ratio(taken, seconds[PLAYER])
                rows.append(Row(size.name, what, who, 1e6 * median(taken), ratio))
    return rows


def run_of(
    player: Any, params: dict[str, Any], plan: Plan, obs: torch.Tensor
) -> Callable[[], object]:
    """All files of a player, one after the other."""
    works = []
    for policy in policies_of(player, params, sample=False):
        path = plan.folder / f"{policy.name or 'policy'}.onnx"
        files.write(policy.module, path, "onnx", {})
        seen = obs[:, policy.part.observed].contiguous()
        works.append((files.runner(path, "onnx"), [seen]))
    return lambda: [run(inputs) for run, inputs in works]


def table(rows: list[Row]) -> str:
    lines = [
        [row.group, row.who, row.what, tables.number(row.value), tables.times(row.ratio)]
        for row in rows
    ]
    return tables.markdown(["size", "policy", "", "µs", "ratio"], lines)
