"""Distillation: what it draws, what it moves, when it stops; and a known mixture recovered."""

import itertools
import math
from dataclasses import replace

import pytest
import torch

from rlg_genpo.common.layers import SplitMLP
from rlg_genpo.common.velocity import Velocity
from rlg_genpo.cppo import distillation
from rlg_genpo.cppo.config import AlgoConfig
from rlg_genpo.cppo.distillation import Distillation
from rlg_genpo.cppo.energy import energy_distance
from rlg_genpo.cppo.policy import CPPO
from tests.networks import velocity_of

C, D, R = 3, 2, 40
SIGMA = 0.3

#: the defaults, with few passes
FEW = replace(AlgoConfig(), distill_epochs=3)


pytestmark = pytest.mark.usefixtures("one_thread")


def policy_of(scale=1.0, noise_scale=1.0, units=(16,), dim=D):
    velocity = velocity_of(C, dim, 8, units, "silu", 8, [16], scale)
    return CPPO(
        velocity, SplitMLP(C, dim, [8], "silu", scale), sigma=SIGMA, noise_scale=noise_scale
    )


def alone(tensors):
    """The average over a single process: itself."""


def distillation_of(policy, settings=FEW, all_reduce_mean=alone):
    return Distillation(policy, settings, all_reduce_mean)


def copy_of(policy):
    return {name: value.clone() for name, value in policy.state_dict().items()}


@pytest.fixture
def rollout():
    """Sources (R, C) and a_k, (R, D)."""
    return torch.randn(R, C), torch.randn(R, D)


@pytest.fixture
def steps(monkeypatch):
    """Every gradient step's (velocity's source, point, noise, target, time, times)."""
    seen = []
    between, interpolate = Velocity.between, distillation.flow_matching.interpolate

    def watched_path(noise, target, time):
        point = interpolate(noise, target, time)
        seen.append({"noise": noise, "target": target, "time": time, "point": point})
        return point

    def watched_velocity(velocity, source, action, times):
        seen[-1].update(source=source, action=action, times=times)
        return between(velocity, source, action, times)

    monkeypatch.setattr(distillation.flow_matching, "interpolate", watched_path)
    monkeypatch.setattr(Velocity, "between", watched_velocity)
    return seen


def test_it_moves_the_flow_alone_and_leaves_no_gradient(rollout):
    policy = policy_of()
    before = copy_of(policy)
    losses = distillation_of(policy).fit(*rollout)
    moved = {name for name, value in policy.state_dict().items() if (value != before[name]).any()}
    assert moved == {f"flow.{name}" for name, _ in policy.flow.named_parameters()}
    assert all(parameter.grad is None for parameter in policy.parameters())
    assert len(losses) == 3 and all(loss.shape == () for loss in losses)


def test_every_pass_sees_every_row_once_in_another_order(rollout, steps):
    source, reference = rollout
    distillation_of(policy_of()).fit(source, reference)
    assert [len(step["source"]) for step in steps] == [R // 4] * 12
    passes = [torch.cat([step["source"] for step in steps[i : i + 4]]) for i in (0, 4, 8)]
    for one in passes:
        assert torch.equal(one.sort(dim=0).values, source.sort(dim=0).values)
    assert not torch.equal(passes[0], passes[1]) and not torch.equal(passes[1], passes[2])


def test_the_teacher_is_a_fresh_draw_of_the_kernel_around_the_rows_own_reference(steps):
    policy, rows = policy_of(), 4_000
    source, reference = torch.randn(rows, C), torch.randn(rows, D)
    kernel = policy.kernel(source, reference)
    distillation_of(policy).fit(source, reference)
    key = {tuple(row): i for i, row in enumerate(source.tolist())}
    draws = []
    for start in (0, 4, 8):
        whole = steps[start : start + 4]
        rows_of = [key[tuple(row)] for step in whole for row in step["source"].tolist()]
        target = torch.cat([step["target"] for step in whole])
        order = torch.tensor(rows_of).argsort()
        draws.append(((target - kernel.mean[rows_of]) / SIGMA).detach()[order])
    for draw in draws:
        # standard normal: five standard errors of a mean and of a variance
        assert draw.mean().abs().item() < 5 / math.sqrt(rows * D)
        assert draw.var().item() == pytest.approx(1, abs=5 * math.sqrt(2 / (rows * D)))
    for one, other in itertools.combinations(draws, 2):
        correlation = (one * other).mean().item()
        assert abs(correlation) < 5 / math.sqrt(rows * D)


def test_the_path_starts_at_the_flows_noise_and_ends_at_the_teacher(rollout, steps):
    policy = policy_of(noise_scale=0.2)
    distillation_of(policy).fit(*rollout)
    noise = torch.cat([step["noise"] for step in steps])
    assert noise.std().item() == pytest.approx(0.2, rel=5 / math.sqrt(2 * noise.numel()))
    for step in steps:
        time = step["time"]
        expected = (1 - time) * step["noise"] + time * step["target"]
        torch.testing.assert_close(step["action"], expected)


@pytest.mark.parametrize("rows", [1, 7, 300, 700])
def test_the_velocity_is_asked_at_each_rows_own_time(steps, rows):
    settings = replace(FEW, distill_minibatches=1)
    distillation_of(policy_of(), settings).fit(torch.randn(rows, C), torch.randn(rows, D))
    for step in steps:
        times = step["times"]
        assert len(times) == min(rows, distillation.TIMES)
        asked = torch.tensor([times[i % len(times)] for i in range(rows)])
        assert torch.equal(step["time"], asked.unsqueeze(-1))
    assert not torch.equal(steps[0]["times"], steps[1]["times"])


@pytest.mark.parametrize("count", [1, 10, 256])
def test_times_are_stratified(count):
    times = distillation.stratified(count, torch.device("cpu"))
    assert times.shape == (count,)
    assert torch.equal((times * count).floor(), torch.arange(count).float())


@pytest.mark.parametrize(
    ("threshold", "passes"), [(None, 3), (1e9, 1), (1e-9, 3)], ids=["none", "high", "low"]
)
def test_a_threshold_ends_the_passes_early(rollout, threshold, passes):
    settings = replace(FEW, distill_threshold=threshold)
    assert len(distillation_of(policy_of(), settings).fit(*rollout)) == passes


def test_the_pass_that_falls_below_the_threshold_is_the_last(rollout):
    settings = replace(FEW, distill_epochs=20, distill_lr=1e-2)

    def losses(threshold):
        torch.manual_seed(5)
        distillation = distillation_of(policy_of(), replace(settings, distill_threshold=threshold))
        return [loss.item() for loss in distillation.fit(*rollout)]

    every = losses(None)
    threshold = sorted(every)[5]
    first = next(i for i, loss in enumerate(every) if loss < threshold)
    assert losses(threshold) == every[: first + 1]
    assert len(every) == 20 > first + 1


@pytest.mark.parametrize(("rows", "minibatches", "per_pass"), [(3, 8, 3), (40, 1, 1), (1, 4, 1)])
def test_any_number_of_minibatches_will_do(steps, rows, minibatches, per_pass):
    settings = replace(FEW, distill_minibatches=minibatches)
    policy = policy_of()
    before = copy_of(policy)
    losses = distillation_of(policy, settings).fit(torch.randn(rows, C), torch.randn(rows, D))
    assert len(steps) == 3 * per_pass
    assert all(loss.isfinite() for loss in losses)
    assert not torch.equal(policy.flow.from_action.weight, before["flow.from_action.weight"])


def test_the_loss_falls(rollout):
    settings = replace(FEW, distill_epochs=60, distill_lr=1e-2)
    losses = torch.stack(distillation_of(policy_of(units=(64, 64)), settings).fit(*rollout))
    assert losses[-20:].mean() < 0.8 * losses[:20].mean()


def test_a_gradient_is_clipped_to_its_largest_norm(rollout, monkeypatch):
    norms = []
    step = torch.optim.Adam.step

    def watched(optimizer, *args):
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"]]
        norms.append(torch.stack([gradient.norm() for gradient in gradients]).norm().item())
        return step(optimizer, *args)

    monkeypatch.setattr(torch.optim.Adam, "step", watched)
    distillation_of(policy_of(), replace(FEW, distill_grad_norm=0.01)).fit(*rollout)
    assert norms == pytest.approx([0.01] * 12, rel=1e-3)


def test_the_flow_follows_the_shared_gradient(rollout):
    """What ``all_reduce_mean`` leaves in the gradients is what the optimiser sees."""
    seen = []

    def silence(tensors):
        for tensor in tensors:
            seen.append(tensor.clone())
            tensor.zero_()

    policy = policy_of()
    before = copy_of(policy)
    distillation_of(policy, all_reduce_mean=silence).fit(*rollout)
    assert len(seen) == 12 * len(list(policy.flow.parameters()))
    assert all(gradient.abs().max() > 0 for gradient in seen)
    assert all(torch.equal(value, before[name]) for name, value in policy.state_dict().items())


def test_the_loss_is_shared_where_it_decides(rollout):
    """A rank whose own loss is high stops with the others."""

    def low(tensors):
        for tensor in tensors:
            if tensor.dim() == 0:
                tensor.zero_()

    settings = replace(FEW, distill_threshold=1e-6)
    assert len(distillation_of(policy_of(), settings, low).fit(*rollout)) == 1


@pytest.mark.parametrize("keep", [0.0, 0.9])
def test_the_reference_moves_towards_the_flow_once(rollout, keep):
    policy = policy_of()
    learner = distillation_of(policy, replace(FEW, ema=keep))
    learner.fit(*rollout)
    before = copy_of(policy)
    learner.move_reference()
    after = policy.state_dict()
    for name, _ in policy.flow.named_parameters():
        flow, start = before[f"flow.{name}"], before[f"reference.{name}"]
        expected = keep * start + (1 - keep) * flow
        torch.testing.assert_close(after[f"reference.{name}"], expected)
        assert torch.equal(after[f"flow.{name}"], flow)
        assert not torch.equal(after[f"reference.{name}"], start)


def test_the_moments_are_resumed_and_the_rate_is_the_yamls(rollout):
    policy = policy_of()
    first = distillation_of(policy)
    first.fit(*rollout)
    second = distillation_of(policy, replace(FEW, distill_lr=5e-5))
    second.load_state_dict(first.state_dict())
    assert {group["lr"] for group in second.optimizer.param_groups} == {5e-5}
    for parameter in policy.flow.parameters():
        there, here = (learner.optimizer.state[parameter] for learner in (first, second))
        assert there["step"] == here["step"] == 12
        assert torch.equal(there["exp_avg"], here["exp_avg"])
        assert torch.equal(there["exp_avg_sq"], here["exp_avg_sq"])


#: two modes, at -1 and +1: their standard deviation, and the left one's share by state
MODE, SHARES = 0.1, (0.5, 0.25)


def centres(state, count):
    return torch.where(torch.rand(count, 1) < SHARES[state], -1.0, 1.0)


def mixture(state, count):
    """Samples (count, 1) of the teacher's law at a state."""
    return centres(state, count) + MODE * torch.randn(count, 1)


@pytest.mark.slow
def test_a_known_mixture_is_recovered_at_each_state():
    """As near to the teacher's samples as other samples of the teacher are.

    n samples of a law are not at distance 0 from n others of it: the estimate has the mean 0 and a
    spread in proportion to 1/n, measured here on 100 such pairs. The bound is five such spreads;
    the noise that the flow starts from is more than three bounds away.
    """
    torch.manual_seed(1)
    rows, count = 512, 400
    velocity = velocity_of(2, 1, 16, [64, 64], "silu", 16, [32], 0.0)
    policy = CPPO(velocity, SplitMLP(2, 1, [8], "silu", 0.0), sigma=MODE)
    learner = Distillation(policy, replace(AlgoConfig(), distill_epochs=60), alone)
    states = torch.eye(2)
    for rate in (1e-2, 3e-3):
        learner.optimizer.param_groups[0]["lr"] = rate
        reference = torch.cat([centres(0, rows), centres(1, rows)])
        learner.fit(states.repeat_interleave(rows, dim=0), reference)
    for state in (0, 1):
        source = states[state].expand(count, -1)
        teacher = torch.stack([mixture(state, count) for _ in range(100)])
        same = torch.stack([mixture(state, count) for _ in range(100)])
        bound = 5 * energy_distance(teacher, same).std().item()
        assert energy_distance(torch.randn_like(same), teacher).mean().item() > 3 * bound
        flow = policy.sample_flow(policy.flow, source, policy.noise(source))
        assert energy_distance(flow.unsqueeze(0), teacher[:1]).item() < bound
        assert (flow < 0).float().mean().item() == pytest.approx(SHARES[state], abs=0.1)
