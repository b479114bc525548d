"""Conditional PPO's losses and the KL of its schedule: rl_games' own, on the kernel."""

import functools
from dataclasses import replace

import pytest
import torch
from rl_games.algos_torch import torch_ext
from rl_games.common.schedulers import AdaptiveScheduler
from torch.distributions import Normal, kl_divergence

from rlg_genpo.common.messages import Seen
from rlg_genpo.cppo.agent import CPPOAgent
from tests.rig import BASES, CPPO, LSTM, ON_FEATURES, Rig, gradients


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path, CPPO)


@pytest.mark.parametrize("kind", ["legacy", "standard"])
def test_the_schedule_reads_rl_games_kl_of_the_kernel_to_the_pass_before(rig, monkeypatch, kind):
    decided, steps = [], []
    update, prepare = AdaptiveScheduler.update, CPPOAgent.prepare_dataset
    step = CPPOAgent.calc_gradients

    def deciding(schedule, rate, entropy_coef, epoch, frames, kl, **kwargs):
        decided.append(kl)
        return update(schedule, rate, entropy_coef, epoch, frames, kl, **kwargs)

    def preparing(agent, rollout):
        kernels = zip(rollout["mus"].split(64), rollout["sigmas"].split(64), strict=True)
        agent.passed = [(mean.clone(), sigma.clone()) for mean, sigma in kernels]
        prepare(agent, rollout)

    def stepping(agent, batch):
        step(agent, batch)
        now, before = agent.train_result[6:8], agent.passed.pop(0)
        agent.passed.append(now)
        steps.append(torch_ext.policy_kl(*now, *before, True).item())

    monkeypatch.setattr(AdaptiveScheduler, "update", deciding)
    monkeypatch.setattr(CPPOAgent, "prepare_dataset", preparing)
    monkeypatch.setattr(CPPOAgent, "calc_gradients", stepping)
    rig.train(
        {
            "config.lr_schedule": "adaptive",
            "config.schedule_type": kind,
            "config.learning_rate": 1e-2,
            "config.mini_epochs": 3,
        }
    )
    assert len(steps) == 2 * 3 * 2  # epochs, mini-epochs, minibatches
    of_mini_epochs = [
        (first + second) / 2 for first, second in zip(steps[::2], steps[1::2], strict=True)
    ]
    assert decided == pytest.approx(steps if kind == "legacy" else of_mini_epochs, abs=1e-7)
    assert max(decided) > 1e-3


@pytest.fixture
def rolled(rig):
    return functools.partial(rig.rolled, moved="residual")


#: name of the parameter that is log sigma
SIGMA = {"gaussian": "base.sigma", "standard": "log_sigma"}


@pytest.mark.parametrize("base", BASES)
def test_an_entropy_coefficient_pulls_on_every_log_sigma_and_on_nothing_else(rolled, base):
    agent, log_sigma = rolled(BASES[base]), SIGMA[base]
    without = gradients(agent)
    agent.entropy_coef = 0.01
    pulled = gradients(agent)
    # The entropy is the sum of log sigma and a constant; descent on minus it raises sigma.
    torch.testing.assert_close(pulled[log_sigma] - without[log_sigma], torch.full((2,), -0.01))
    for name in without.keys() - {log_sigma}:
        torch.testing.assert_close(pulled[name], without[name])


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("kind", ["bound", "regularisation"])
def test_the_bounds_loss_is_rl_games_own_on_the_kernels_mean(rolled, kind, base):
    agent = rolled({**BASES[base], "config.bound_loss_type": kind})
    without = gradients(agent)
    agent.bounds_loss_coef = 0.5
    pulled = gradients(agent)
    stored = agent.dataset[0]["actions"]
    source = agent.model.source(Seen(agent.dataset[0]["obs"]))
    mean = agent.policy.kernel(source, stored[:, :2]).mean
    own = agent.bound_loss(mean) if kind == "bound" else agent.reg_loss(mean)
    assert agent.train_result[8].item() == pytest.approx(own.mean().item(), rel=1e-5)
    assert own.mean().item() > 1e-3
    taught = ("residual", "base")
    weights = {n: p for n, p in agent.policy.named_parameters() if n.startswith(taught)}
    slopes = torch.autograd.grad(0.5 * own.mean(), list(weights.values()))
    for name, slope in zip(weights, slopes, strict=True):
        difference = pulled[name] - without[name]
        torch.testing.assert_close(difference, slope, rtol=1e-3, atol=1e-6)
    if base == "standard":
        torch.testing.assert_close(pulled["log_sigma"], without["log_sigma"])


def by_hand(name, agent, batch):
    """Twice the divergence that a regulariser is, by torch's own Gaussians, (B,)."""
    reference = batch["actions"][:, :2]
    source = agent.model.source(Seen(batch["obs"]))
    kernel = agent.policy.kernel(source, reference)
    now, sigma = Normal(kernel.mean, kernel.sigma), kernel.sigma
    # where the kernel would stand without delta, and its variance in the base's units
    still, base = (1 - agent.policy.contraction) * reference, kernel.base
    variance = (sigma / base.log_sigma.exp()) ** 2
    other = {
        "langevin": lambda: Normal(base.action(still - variance / 2 * reference / 0.6**2), sigma),
        "shrinkage": lambda: Normal(base.action(still), sigma),
        "kl_old": lambda: Normal(*(part[: len(reference)] for part in agent.rolled)),
    }[name]()
    pair = (other, now) if name == "kl_old" else (now, other)
    return 2 * kl_divergence(*pair).sum(dim=-1)


@pytest.mark.parametrize("base", BASES.values(), ids=BASES)
@pytest.mark.parametrize("name", ["langevin", "shrinkage", "kl_old"])
def test_a_regulariser_is_added_with_its_weight(rolled, name, base):
    agent = rolled(
        {
            **base,
            "algo.regulariser": name,
            "algo.regulariser_coef": 0.3,
            "algo.regulariser_scale": 0.6,
        }
    )
    if name == "kl_old":
        # The rollout's kernel is what it is of, not the latest pass's.
        for parameter in agent.policy.residual.parameters():
            parameter.data += 0.1
        gradients(agent)
        agent.dataset.update_mu_sigma(*agent.train_result[6:8])
    expected = by_hand(name, agent, agent.dataset[0]).mean().item()
    agent.scalars.clear()
    gradients(agent)
    (measured,) = agent.scalars[f"loss_{name}"]
    assert measured.item() == pytest.approx(expected, rel=1e-4)
    assert expected > 1e-3
    # and its weight: the slope of the last bias, with it and without
    with_it = gradients(agent)["residual.rest.1.bias"]
    algo = replace(agent.settings.algo, regulariser="none")
    agent.settings = replace(agent.settings, algo=algo)
    without = gradients(agent)["residual.rest.1.bias"]
    (slope,) = torch.autograd.grad(
        0.3 * by_hand(name, agent, agent.dataset[0]).mean(), agent.policy.residual.rest[-1].bias
    )
    torch.testing.assert_close(with_it - without, slope, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("trunk", [{}, {**ON_FEATURES, "network.rnn": LSTM}], ids=["mlp", "lstm"])
def test_distillation_sees_the_real_rows_alone(rolled, trunk):
    agent = rolled({**trunk, "config.env_config.observation": "memory"})
    values = agent.dataset.values_dict
    mask = (torch.arange(16 * 8) % 3 > 0).float()
    every_source, every_reference = agent._rollout_states()
    assert len(every_source) == 16 * 8 and torch.equal(every_reference, values["actions"][:, :2])
    values["rnn_masks"] = mask
    source, reference = agent._rollout_states()
    assert torch.equal(reference, every_reference[mask.bool()])
    assert torch.equal(source, every_source[mask.bool()])
