"""DDPL in rl_games' own training: who learns what, what is measured, and what stops it."""

import logging

import pytest
import torch
from rl_games.algos_torch.running_mean_std import RunningMeanStd
from rl_games.common import env_configurations, vecenv
from rl_games.common.ivecenv import IVecEnv

from rlg_genpo import DivergedError
from rlg_genpo.common.agent import PROBE_STATES
from rlg_genpo.common.joint import JointEnv
from rlg_genpo.ddpl.agent import LEAST_SPREAD, pool
from rlg_genpo.ddpl.improvement import Improvement
from tests import point_mass, rig
from tests.ddpl import teams
from tests.rig import Rig

PER_AGENT = (
    "weight_entropy",
    "effective_samples",
    "temperature",
    "denoising_loss",
    "action_value_error",
    "action_spread",
    "action_entropy",
)
MATRIX = {
    "ragged": {},
    "one_agent": teams.overrides([("all", 4, 2)]),
    "native": teams.NATIVE,
    "shared": {
        **teams.overrides([("one", 2, 1), ("two", 2, 1)]),
        "network.diffusion.shared_weights": True,
    },
    "few_steps": {"network.diffusion.sampling_steps": 2, "network.diffusion.variance": "posterior"},
    "some_states": {"algo.proposal_states": 0.1},
    "no_control_variate": {"algo.control_variate": 0.0},
    "own_rate": {"algo.policy_lr": 1e-2},
    "linear": {"config.lr_schedule": "linear"},
    "arrays": {"config.env_config": {"arrays": True}},
    "time_outs": {"config.env_config": {"time_outs": True}, "config.value_bootstrap": True},
    "central_value": {
        "config.env_config": {"states": True},
        "config.central_value_config": rig.CENTRAL_VALUE,
    },
    "more_minibatches_than_rows": {
        "config.num_actors": 1,
        "config.minibatch_size": 8,
        "algo.policy_minibatches": 16,
    },
}


@pytest.fixture
def rig_of(tmp_path):
    return Rig(tmp_path, teams.overrides())


def parameters(module):
    return {name: value.detach().clone() for name, value in module.named_parameters()}


@pytest.mark.slow
@pytest.mark.parametrize("name", MATRIX)
def test_trains(tmp_path, name):
    """Every parameter moves and stays finite: critic, denoisers, action values."""
    common = teams.overrides(None if name == "native" else teams.TEAM)
    run = Rig(tmp_path, common).train({"config.max_epochs": 3, **MATRIX[name]})
    assert run.agent.epoch_num == 3
    # A central value is rl_games' own and replaces the critic of the trunk, which then rests.
    idle = ("actor_mlp", "value") if name == "central_value" else ()
    assert [n for n in run.unmoved() if not any(part in n for part in idle)] == []


def test_agents_that_share_weights_share_statistics():
    """Those of all agents' rows stacked, after one absorb and after another of a different size."""
    normaliser, stacked = RunningMeanStd((4,)).train(), RunningMeanStd((2,)).train()
    stacked.count.fill_(2)  # each starts as one row of each agent's
    for rows in (700, 3000):
        obses = 3 * torch.randn(rows, 4) + torch.tensor([0.0, 5.0, 1.0, -5.0])
        normaliser(obses)
        pool(normaliser, agents=2)
        stacked(obses.reshape(-1, 2))
        for name in ("running_mean", "running_var"):
            one, two = getattr(normaliser, name).chunk(2)
            assert torch.equal(one, two)
            # rl_games' variances are those of n - 1.
            torch.testing.assert_close(one, getattr(stacked, name), rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize("shared", [True, False])
def test_training_pools_statistics_of_shared_weights_only(tmp_path, shared):
    weights = {"network.diffusion.shared_weights": shared}
    run = Rig(tmp_path, {**teams.overrides(), **MATRIX["shared"], **weights}).train()
    means = run.agent.model.running_mean_std.running_mean
    assert means.any() and torch.equal(*means.chunk(2)) == shared


def test_every_agents_own_weights_move(rig_of):
    run = rig_of.train()
    policy = run.agent.policy
    for part in ("denoisers", "action_values"):
        for name, now in getattr(policy, part).named_parameters():
            before = run.start[f"a2c_network.policy.{part}.{name}"]
            assert len(now) == 2
            assert all(not torch.equal(old, new) for old, new in zip(before, now, strict=True)), (
                part,
                name,
            )


def test_the_critics_gradient_steps_leave_the_policies_alone(rig_of, monkeypatch):
    """Their only teacher is the improvement after them."""
    seen = []
    fit = Improvement.fit_values

    def watched(improvement, rollout):
        seen.append(parameters(improvement.policy))
        return fit(improvement, rollout)

    monkeypatch.setattr(Improvement, "fit_values", watched)
    run = rig_of.train({"config.max_epochs": 1})
    (after_them,) = seen
    for name, value in after_them.items():
        assert torch.equal(value, run.start[f"a2c_network.policy.{name}"]), name
    critic = [name for name in run.start if "policy" not in name]
    assert critic and not set(critic) & set(run.unmoved())


def test_the_improvement_leaves_the_critic_alone(rig_of):
    agent = rig_of.agent()
    agent.init_tensors()
    agent.obs = agent.env_reset()
    agent.set_eval()
    with torch.no_grad():
        rollout = agent.play_steps()
    agent.set_train()
    agent.prepare_dataset(rollout)
    before = parameters(agent.model)
    agent.after_update()
    for name, value in agent.model.named_parameters():
        assert torch.equal(value, before[name]) == ("policy" not in name), name


def test_advantages_are_standardised_over_the_rollout(rig_of, monkeypatch):
    seen = []
    fit = Improvement.fit_values
    monkeypatch.setattr(
        Improvement, "fit_values", lambda self, rollout: seen.append(rollout) or fit(self, rollout)
    )
    rig_of.train({"config.max_epochs": 1, "config.normalize_advantage": False})
    (rollout,) = seen
    assert rollout.advantage.shape == (16 * 8,)
    assert (rollout.source.shape, rollout.stored.shape) == ((16 * 8, 4), (16 * 8, 2))
    assert rollout.advantage.mean().item() == pytest.approx(0, abs=1e-5)
    assert rollout.advantage.std().item() == pytest.approx(1, abs=1e-4)


# -- scalars --------------------------------------------------------------------------------------


def test_scalars_stand_under_each_agents_name(rig_of):
    run = rig_of.train()
    scalars = run.scalars()
    for name in PER_AGENT:
        for agent in ("near", "far"):
            values = torch.tensor(scalars[f"ddpl/{name}/{agent}"])
            assert len(values) == 2 and values.isfinite().all(), name
    proposals = torch.tensor(scalars["ddpl/effective_samples/near"])
    assert (proposals >= 1).all() and (proposals <= 4).all()
    entropies = torch.tensor(scalars["ddpl/weight_entropy/far"])
    assert (entropies >= 0).all() and (entropies <= torch.tensor(4.0).log() + 1e-6).all()
    assert scalars["ddpl/dead_agents"] == [0.0, 0.0]
    # for want of a density: no policy loss, no ratio
    assert scalars["losses/a_loss"] == [0.0, 0.0]
    assert not [tag for tag in scalars if "kl_plain" in tag or "clipped_share" in tag]


def test_a_dead_agent_is_warned_of_once(rig_of, caplog):
    still = {
        "network.diffusion": {"steps": 20, "units": [16], "spread": 1e-5, "output_scale": 0.0},
        "algo.proposal_noise": 0.0,
        "config.learning_rate": 1e-9,
    }
    with caplog.at_level(logging.WARNING):
        run = rig_of.train({**still, "config.max_epochs": 3})
    said = [record.getMessage() for record in caplog.records if "is dead" in record.getMessage()]
    assert len(said) == 2 and said[0].startswith("agent near is dead: ")
    assert "Raise params.algo.proposal_noise" in said[0]
    scalars = run.scalars()
    assert max(scalars["ddpl/action_spread/near"]) < LEAST_SPREAD
    assert scalars["ddpl/dead_agents"] == [2.0, 2.0, 2.0]


def test_a_living_agent_is_not(rig_of, caplog):
    rig_of.train({"config.max_epochs": 1})
    assert "is dead" not in caplog.text


def test_spread_is_measured_on_the_present_states(rig_of):
    """At the start a policy's actions spread as its ``spread`` says, whatever it sees."""
    few = {"network.diffusion": {"steps": 20, "units": [16], "spread": 0.2, "output_scale": 0.0}}
    agent = rig_of.agent({**few, "config.num_actors": 2 * PROBE_STATES})
    agent.init_tensors()
    agent.obs = agent.env_reset()
    measured = agent._probe()
    assert measured["action_spread"].tolist() == pytest.approx([0.2, 0.2], rel=0.1)


# -- two hosts ------------------------------------------------------------------------------------


class Flattened(IVecEnv):
    """Isaac Lab's way: one agent, and nobody says whose the slices are."""

    def __init__(self, **kwargs):
        self.joint = JointEnv(point_mass.PointMass(agents=2, **kwargs))

    def get_env_info(self):
        info = self.joint.get_env_info()
        return {key: info[key] for key in ("observation_space", "action_space")}

    def reset(self):
        return self.joint.reset()

    def step(self, actions):
        return self.joint.step(actions)


@pytest.fixture
def flattened(monkeypatch):
    name = "flattened_point_mass"
    monkeypatch.setitem(
        vecenv.vecenv_config, name, lambda _, count, **kw: Flattened(num_actors=count, **kw)
    )
    entry = {"vecenv_type": name, "env_creator": lambda **kw: Flattened(num_actors=1, **kw)}
    monkeypatch.setitem(env_configurations.configurations, name, entry)
    return {
        **teams.overrides([("agent_0", 4, 2), ("agent_1", 4, 2)]),
        "config.env_name": name,
    }


def test_both_hosts_make_the_same_updates(tmp_path, flattened):
    native = Rig(tmp_path / "native").train(teams.NATIVE).agent
    flat = Rig(tmp_path / "flat").train(flattened).agent
    assert native.num_agents == flat.num_agents == 1
    assert native.settings == flat.settings
    assert native.frame == flat.frame == 2 * 16 * 8
    there = dict(native.model.named_parameters())
    for name, value in flat.model.named_parameters():
        assert torch.equal(value, there[name]), name


# -- what stops it --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "what"),
    [
        ({"algo.policy_lr": 1e30}, "A policy diverged in epoch 1: .* of near, far is no longer"),
        ({"config.learning_rate": 1e30}, "diverged in epoch 1: its critic's loss is no longer"),
    ],
)
def test_a_diverged_run_stops(rig_of, overrides, what):
    with pytest.raises(DivergedError, match=what):
        rig_of.train({"config.mini_epochs": 4, "algo.policy_epochs": 8, **overrides})
