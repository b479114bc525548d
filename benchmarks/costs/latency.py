"""(d) One action as the player computes it: alone and 4096 at a time."""

from statistics import median

import torch

from costs import agents, tables, timing
from costs.plan import Plan, Row
from costs.sizes import ANT, HUMANOID, TINY, Size

TITLE = "Latency of the player"
ROUNDS = 3
SAMPLED = {"deterministic": True, "sampled": False}

TEXT = """One call of the player's `get_action`, eager: normalisation, network, flow, rescaling.
DDPL's agents act one after the other, each with its own network."""


def batches(plan: Plan) -> tuple[int, ...]:
    return (1, 16) if plan.quick else (1, 4096)


def sizes(plan: Plan) -> tuple[Size, ...]:
    return (TINY,) if plan.quick else (ANT, HUMANOID)


def measurements(plan: Plan) -> int:
    races = len(sizes(plan)) * len(batches(plan)) * len(SAMPLED)
    return races * timing.steps_of(len(agents.POLICIES), plan, ROUNDS)


def measure(plan: Plan) -> list[Row]:
    """Values are microseconds a call."""
    load = agents.load_for(plan.device, plan.quick)
    rows: list[Row] = []
    for size in sizes(plan):
        players = {
            who: agents.player_of(agents.params_of(who, size, load, plan.device, plan.folder))
            for who in agents.POLICIES
        }
        for batch in batches(plan):
            obs = torch.randn(batch, size.observation, device=plan.device)
            for what, deterministic in SAMPLED.items():
                works = {
                    who: lambda p=player, o=obs, d=deterministic: p.get_action(o, d)
                    for who, player in players.items()
                }
                group, title = f"{size.name}, batch {batch}", f"{size.name}, {batch}, {what}"
                seconds = timing.contest(works, plan, ROUNDS, title)
                for who, taken in seconds.items():
                    ratio = timing.median_ratio(taken, seconds[agents.PPO])
                    rows.append(Row(group, what, who, 1e6 * median(taken), ratio))
    return rows


def table(rows: list[Row]) -> str:
    lines = [
        [row.group, row.what, row.who, tables.number(row.value), tables.times(row.ratio)]
        for row in rows
    ]
    return tables.markdown(["size", "", "policy", "µs", "ratio"], lines)
