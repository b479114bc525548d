"""(b) Act, update and a whole epoch of every policy, in rl_games, against Gaussian PPO."""

import gc
from statistics import median

from costs import agents, operations, tables, timing
from costs.plan import Plan, Row
from costs.sizes import ANT, HUMANOID, TINY, Size

TITLE = "Policies in rl_games, on a simulator that costs nothing"
ACT, UPDATE, EPOCH = "act", "update", "epoch"
ROUNDS = {ACT: 5, UPDATE: 5, EPOCH: 3}

TEXT = """Act is rl_games' `get_action_values`, update its `calc_gradients` of one minibatch with
the optimiser's step, epoch its `train_epoch`: rollout, update, and what a method does beside. All
have an actor and a critic of the size's widths (`separate: True`), eager, float32. The paper's
network is the actor's MLP as GenPO's velocity; the others are the defaults, whose flow, kernel and
denoisers are narrow: the fast head stands on the actor's trunk, CPPO and DDPL (two agents that
halve observation and action) see the observation itself and have no actor's trunk. DDPL trains only
its critic in update; its policies, like CPPO's flow, are trained at an epoch's end."""


def sizes(plan: Plan) -> tuple[Size, ...]:
    return (TINY,) if plan.quick else (ANT, HUMANOID)


def measurements(plan: Plan) -> int:
    rounds = ROUNDS.values()
    each = sum(timing.steps_of(len(agents.POLICIES), plan, usual) for usual in rounds)
    return len(sizes(plan)) * each


def measure(plan: Plan) -> list[Row]:
    """Values are milliseconds a call; multiply-adds are of a row."""
    rows: list[Row] = []
    load = agents.load_for(plan.device, plan.quick)
    plan.note(
        f"Policies: {load.actors} environments, rollouts of {load.horizon} steps, minibatches of "
        f"{load.minibatch}, {load.mini_epochs} mini-epochs."
    )
    for size in sizes(plan):
        players = {}
        for who in agents.POLICIES:
            params = agents.params_of(who, size, load, plan.device, plan.folder)
            players[who] = agents.agent_of(params)
            agents.epoch(players[who])  # fills the dataset
        for what, per_call in ((ACT, load.actors), (UPDATE, load.minibatch), (EPOCH, None)):
            works = {who: work(what, agent) for who, agent in players.items()}
            rows += _race(works, what, size, per_call, plan)
        del players
        gc.collect()
    return rows


def work(what: str, agent: object) -> timing.Work:
    """What is timed of an agent that has been through an epoch."""
    return {
        ACT: lambda: agent.get_action_values(agent.obs),  # type: ignore[attr-defined]
        UPDATE: lambda: step(agent),
        EPOCH: lambda: agents.epoch(agent),
    }[what]


def step(agent: object) -> None:
    """One gradient step."""
    agent.set_train()  # type: ignore[attr-defined]
    agent.calc_gradients(agents.minibatch(agent))  # type: ignore[attr-defined]


def _race(
    works: dict[str, timing.Work], what: str, size: Size, per_call: int | None, plan: Plan
) -> list[Row]:
    seconds = timing.contest(works, plan, ROUNDS[what], f"{size.name}, {what}")
    counted: dict[str, float] = {}
    if per_call is not None:
        counted = {who: operations.multiply_adds(works[who]) / per_call for who in works}
    base = counted.get(agents.PPO)
    return [
        Row(
            size.name,
            what,
            who,
            1e3 * median(taken),
            timing.median_ratio(taken, seconds[agents.PPO]),
            counted.get(who),
            None if base is None else counted[who] / base,
        )
        for who, taken in seconds.items()
    ]


def table(rows: list[Row]) -> str:
    heads = ["size", "", "policy", "ms", "ratio", "M multiply-adds a row", "ratio"]
    return tables.markdown(heads, [tables.raced(row) for row in rows])
