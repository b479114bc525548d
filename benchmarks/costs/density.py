"""(a) GenPO's density against the Jacobian method and, where someone has it, the released code."""

import importlib.util
import math
import warnings
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from costs import agents, operations, tables, timing
from costs.jacobian import JacobianPolicy
from costs.plan import Plan, Row, unique
from costs.sizes import ANT, GO2, HUMANOID, MIX, SHADOW_HAND, STEPS, TINY, Size

TITLE = "GenPO's density, against the Jacobian method"
OURS, JACOBIAN, RELEASED = "closed form", "Jacobian method", "released code"
KIND = "Jacobian method, written for speed"
ROLLOUT, UPDATE = "rollout", "update"
ROUNDS = 3
#: the Jacobian method takes longer a row, and gigabytes, where it is given as many as the others
ROWS, JACOBIAN_ROWS = 1024, 64
#: the file of the released code that holds its flow
RELEASED_FILE = "flow_rsl_rl/rsl_rl/modules/reflow/flow.py"

TEXT = f"""One rollout step is an action with its log-density, without a gradient; one update is the
log-density of stored actions, its mean and the gradient in the parameters. Networks are the
paper's (N = {STEPS}, p = {MIX}, Mish, the velocity sees the observation), with the same weights in
every method. On a GPU all have {ROWS} rows at a time; on a CPU the closed form has, the others
{JACOBIAN_ROWS}, which is kind to them there: a row costs them more in larger batches. The Jacobian
method is the formula as one writes it, with torch's Mish, as in the released code; torch's `vmap`
takes that function's backward row by row. Written for speed, Mish is composed where that is faster
and one pass gives action and Jacobian: then the times are about as far apart as the operations.
Speed-ups are of the time per row."""


def sizes(plan: Plan) -> tuple[Size, ...]:
    return (TINY,) if plan.quick else (ANT, HUMANOID, GO2, SHADOW_HAND)


def measurements(plan: Plan) -> int:
    methods = 3 if plan.reference is None else 4
    return len(sizes(plan)) * 2 * timing.steps_of(methods, plan, ROUNDS)


def measure(plan: Plan) -> list[Row]:
    """Values are microseconds a row; ratios are times the closed form's."""
    warnings.filterwarnings("ignore", message=".*batching rule for aten::mish_backward")
    rows: list[Row] = []
    for size in sizes(plan):
        rows += _measure_size(size, plan)
    return rows


def _measure_size(size: Size, plan: Plan) -> list[Row]:
    load = agents.load_for(plan.device, plan.quick)
    params = agents.params_of(agents.PAPER, size, load, plan.device, plan.folder)
    ours = agents.agent_of(params).policy
    jacobian, kind = (
        JacobianPolicy(size.observation, size.action, STEPS, MIX, size.units, kind).to(plan.device)
        for kind in (False, True)
    )
    spread_output(jacobian)
    kind.load_state_dict(jacobian.state_dict())
    copy_weights(jacobian.velocity, jacobian.time, ours, size)
    policies: dict[str, Any] = {OURS: ours, JACOBIAN: jacobian, KIND: kind}
    if plan.reference is not None:
        policies[RELEASED] = released(plan, size)
        _copy(jacobian.velocity, policies[RELEASED].vec_field)
        _copy(jacobian.time, policies[RELEASED].time_mlp)
    batches = {}
    for name in policies:
        count = 8 if plan.quick else rows_for(name, plan.device)
        obs = torch.randn(count, size.observation, device=plan.device)
        batches[name] = obs, torch.randn(count, 2 * size.action, device=plan.device) / 2
    obs, pair = batches[JACOBIAN]
    rows = []
    expected = log_density(OURS, ours, obs, pair)
    for name in policies:
        if name != OURS:
            gap = (log_density(name, policies[name], obs, pair) - expected).abs().max().item()
            rows.append(Row(size.name, "largest difference", name, gap))
    for what, work in ((ROLLOUT, rollout), (UPDATE, update)):
        works = {name: work(name, policies[name], *batches[name]) for name in policies}
        rows += _race(works, batches, what, size, plan)
    return rows


def rows_for(name: str, device: str) -> int:
    """What suits a method; a GPU would only wait for its launches with few."""
    return ROWS if name == OURS or device == "cuda" else JACOBIAN_ROWS


def _race(works: dict, batches: dict, what: str, size: Size, plan: Plan) -> list[Row]:
    seconds = timing.contest(works, plan, ROUNDS, f"{size.name}, {what}")
    per_row = {n: [s / len(batches[n][0]) for s in taken] for n, taken in seconds.items()}
    counted = {n: operations.multiply_adds(works[n]) / len(batches[n][0]) for n in works}
    return [
        Row(
            size.name,
            what,
            name,
            1e6 * median(taken),
            timing.median_ratio(taken, per_row[OURS]),
            counted[name],
            counted[name] / counted[OURS],
        )
        for name, taken in per_row.items()
    ]


def log_density(name: str, policy: Any, obs: Tensor, pair: Tensor) -> Tensor:
    """Of doubled actions (B, 2 D), in nats: (B,)."""
    if name == OURS:
        return -policy.evaluate(policy.condition(obs), pair).neglogp
    if name in (JACOBIAN, KIND):
        return policy.log_density(obs, pair)
    return policy.inverse(obs, pair, True)


def update(name: str, policy: Any, obs: Tensor, pair: Tensor) -> timing.Work:
    def work() -> None:
        policy.zero_grad(set_to_none=True)
        (-log_density(name, policy, obs, pair).mean()).backward()

    return work


def rollout(name: str, policy: Any, obs: Tensor, pair: Tensor) -> timing.Work:
    act: Callable[[], object] = {
        OURS: lambda: policy.act(policy.condition(obs)),
        JACOBIAN: lambda: policy.act(obs),
        KIND: lambda: policy.act(obs),
        RELEASED: lambda: policy(obs, True),
    }[name]

    def work() -> None:
        with torch.no_grad():
            act()

    return work


def released(plan: Plan, size: Size) -> Any:
    """The released code's flow, from a checkout."""
    assert plan.reference is not None
    path = plan.reference / RELEASED_FILE
    if not path.exists():
        raise SystemExit(f"--reference {plan.reference}: holds no {RELEASED_FILE}.")
    spec = importlib.util.spec_from_file_location("released_flow", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    flow = module.Flow(
        size.observation + size.action,
        size.action,
        size.action,
        list(size.units),
        32,
        [256, 256],
        nn.Mish(),
        STEPS,
        MIX,
        plan.device,
    )
    return flow.to(plan.device)


def spread_output(policy: JacobianPolicy) -> None:
    """As wide a velocity as a trained one's: densities that differ would show."""
    with torch.no_grad():
        linear(policy.velocity)[-1].weight.mul_(math.sqrt(10))


def copy_weights(velocity: nn.Module, time: nn.Module, ours: Any, size: Size) -> None:
    """A plain velocity's weights into ours, whose first layer stands in three parts."""
    first, *rest = linear(velocity)
    into = ours.velocity
    widths = [size.action, size.observation, first.in_features - size.action - size.observation]
    action, observation, embedding = first.weight.detach().split(widths, dim=1)
    with torch.no_grad():
        into.from_action.weight.copy_(action)
        into.from_condition.weight.copy_(observation)
        into.from_condition.bias.copy_(first.bias)
        into.from_time.weight.copy_(embedding)
    for source, target in zip(rest, linear(into.rest), strict=True):
        target.load_state_dict(source.state_dict())
    _copy(time, into.time)


def _copy(source: nn.Module, target: nn.Module) -> None:
    for one, other in zip(linear(source), linear(target), strict=True):
        other.load_state_dict(one.state_dict())


def linear(module: nn.Module) -> list[nn.Linear]:
    """The linear layers, in order."""
    return [layer for layer in module.modules() if isinstance(layer, nn.Linear)]


def table(rows: list[Row]) -> str:
    lines = [tables.raced(row) for row in rows if row.what in (ROLLOUT, UPDATE)]
    heads = ["size", "", "method", "µs a row", "times ours", "M multiply-adds a row", "times ours"]
    gaps = [row for row in rows if row.what == "largest difference"]
    said = [
        f"{name}: {', '.join(f'{r.value:.1e} ({r.group})' for r in gaps if r.who == name)}"
        for name in unique([row.who for row in gaps])
    ]
    difference = "Largest difference of log-densities from the closed form's, in nats, float32: "
    return f"{tables.markdown(heads, lines)}\n\n{difference}{'; '.join(said)}."
