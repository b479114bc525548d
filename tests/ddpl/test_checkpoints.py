"""What a DDPL checkpoint goes on from, and which YAML it refuses."""

import pytest
import torch

from rlg_genpo import CheckpointError, ConfigError
from tests.cppo.test_checkpoints import parameters, restored
from tests.ddpl import teams
from tests.rig import ABSENT, Rig


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path, teams.overrides())


def rollout_of(agent):
    """A minibatch, and what an improvement reads."""
    agent.init_tensors()
    agent.obs = agent.env_reset()
    agent.set_eval()
    with torch.no_grad():
        played = agent.play_steps()
    agent.set_train()
    agent.prepare_dataset(played)
    return agent.dataset[0], agent._rollout()


def step(agent, minibatch, rollout):
    """One gradient step of the critic, one policy improvement."""
    agent.set_train()
    agent.calc_gradients(minibatch)
    torch.manual_seed(7)
    improvement = agent.improvement
    improvement.fit_values(rollout)
    improvement.fit_denoisers(improvement.weigh(rollout))
    return parameters(agent)


@pytest.mark.parametrize("schedule", ["constant", "linear"])
def test_the_next_steps_are_those_of_a_run_that_was_not_interrupted(rig, schedule):
    """Weights, three optimisers' moments and the rates: one missing, and the steps would part."""
    overrides = {"config.max_epochs": 3, "config.lr_schedule": schedule}
    run = rig.train(overrides)
    again = restored(rig, run, overrides)
    before = parameters(run.agent)
    run.agent.improvement.set_rate(run.agent.last_lr)
    batch = rollout_of(restored(rig, run, overrides))
    there, here = step(run.agent, *batch), step(again, *batch)
    for name, value in there.items():
        assert torch.equal(value, here[name]), name
        assert not torch.equal(value, before[name]), name


def test_moments_that_are_lost_part_the_steps(rig):
    """The fact above can fail."""
    run = rig.train()
    again = restored(rig, run)
    batch = rollout_of(restored(rig, run))
    again.improvement.denoisers.state.clear()
    there, here = step(run.agent, *batch), step(again, *batch)
    parted = {name for name in there if not torch.equal(there[name], here[name])}
    assert parted == {name for name in there if ".denoisers." in name}


def test_a_resumed_run_goes_on_training(rig):
    first = rig.train({"config.max_epochs": 2})
    resumed = rig.train({"config.max_epochs": 4}, first.checkpoint())
    assert resumed.unmoved() == []
    assert (resumed.agent.epoch_num, resumed.agent.frame) == (4, 4 * 16 * 8)
    # Adam's count of steps: 2 passes of 4 minibatches in each of 4 epochs
    for optimizer in (resumed.agent.improvement.values, resumed.agent.improvement.denoisers):
        assert {int(state["step"]) for state in optimizer.state.values()} == {4 * 2 * 4}


def test_a_resumed_run_of_native_agents_keeps_their_names(tmp_path):
    rig = Rig(tmp_path, teams.NATIVE)
    first = rig.train({"config.max_epochs": 1})
    resumed = rig.train({"config.max_epochs": 2}, first.checkpoint())
    assert resumed.agent.names == ["agent_0", "agent_1"]
    assert resumed.agent.epoch_num == 2


def test_a_rate_of_its_own_falls_as_the_schedule_does_through_a_resume(rig):
    own = {"algo.policy_lr": 3e-3, "config.lr_schedule": "linear"}
    run = rig.train({**own, "config.max_epochs": 2})
    agent = restored(rig, run, {**own, "config.max_epochs": 4})
    fallen = agent.last_lr / float(agent.config["learning_rate"])
    assert fallen < 1
    assert agent.improvement.denoisers.param_groups[0]["lr"] == pytest.approx(3e-3 * fallen)
    assert agent.improvement.values.param_groups[0]["lr"] == agent.last_lr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (teams.overrides([("near", 2, 1), ("far", 2, 1)]), "params.network.agents"),
        (teams.overrides([("far", 3, 1), ("near", 1, 1)]), "params.network.agents"),
        (teams.overrides([("all", 4, 2)]), "params.network.agents"),
        ({"network.diffusion.steps": 5}, "params.network.diffusion.steps"),
        ({"network.diffusion.variance": "posterior"}, "params.network.diffusion.variance"),
        ({"network.diffusion.activation": "mish"}, "params.network.diffusion.activation"),
    ],
)
def test_another_policys_yaml_is_refused(rig, overrides, key):
    checkpoint = rig.train({"config.max_epochs": 1}).checkpoint()
    with pytest.raises(CheckpointError, match=f"{key}: the checkpoint's policy was trained with"):
        rig.player(overrides, checkpoint)
    with pytest.raises(CheckpointError, match=f"{key}: the checkpoint's policy was trained with"):
        rig.agent(overrides).restore(checkpoint)


def test_another_width_is_refused(rig):
    checkpoint = rig.train({"config.max_epochs": 1}).checkpoint()
    with pytest.raises(CheckpointError, match=r"network differs in .* tensors"):
        rig.player({"network.diffusion.units": [8]}, checkpoint)


def test_what_only_training_reads_may_change(rig):
    checkpoint = rig.train({"config.max_epochs": 1}).checkpoint()
    agent = rig.agent({"algo.proposals": 8, "algo.kl_budget": 0.2})
    agent.restore(checkpoint)
    assert agent.epoch_num == 1 and agent.improvement.settings.proposals == 8


def test_nobody_says_whose_the_slices_are(rig):
    message = r"params\.network\.agents: missing, .* its 4 observations and 2 action components"
    with pytest.raises(ConfigError, match=message):
        rig.agent({"network.agents": None})


def test_the_adaptive_schedule_is_refused_with_the_choices(rig):
    message = r"params\.config\.lr_schedule: adaptive .* use linear or constant\. .*kl_budget"
    for make in (rig.agent, rig.player):
        with pytest.raises(ConfigError, match=message):
            make({"config.lr_schedule": "adaptive", "config.kl_threshold": ABSENT})
