"""CPPO at play: four deployments by name, and what is played without one."""

import pytest
import torch

from rlg_genpo.common.messages import Evaluate, Seen
from rlg_genpo.cppo.config import DEPLOYMENTS
from tests.common.test_player import OBS, batched, condition_of
from tests.rig import BASES, CPPO, LSTM, ON_FEATURES, STANDARD, Rig, play

TRUNKS = [{}, ON_FEATURES, {**ON_FEATURES, "network.separate": True}, STANDARD]


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path, CPPO)


@pytest.fixture
def checkpoint(rig):
    """Of a run after which flow, reference and kernel differ."""
    return rig.train({"config.learning_rate": 1e-2, "algo.distill_lr": 1e-2}).checkpoint()


def at(rig, checkpoint, deployment=None):
    return batched(rig.player({"algo.deployment": deployment}, checkpoint))


@pytest.mark.parametrize("trunk", TRUNKS)
def test_the_deterministic_action_is_the_kernels_mean_over_zero_noise(rig, trunk):
    player = batched(rig.player(trunk, rig.train(trunk).checkpoint()))
    policy = player.model.policy
    with torch.no_grad():
        source = condition_of(player)
        start = policy.sample_flow(policy.reference, source, torch.zeros(3, 2))
        moved = (1 - policy.contraction) * start + policy.residual(source, start)
        expected = policy.units(source).action(moved).clamp(-1, 1)
    assert policy.contraction == (0 if trunk is STANDARD else 0.5)
    torch.testing.assert_close(player.get_action(OBS, True), expected)
    assert torch.equal(player.get_action(OBS, True), player.get_action(OBS, True))


def test_a_sampled_action_differs_from_call_to_call(rig):
    player = batched(rig.player())
    assert not torch.equal(player.get_action(OBS, False), player.get_action(OBS, False))


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_a_deployment_repeats_itself_when_deterministic_unless_it_samples(
    rig, checkpoint, deployment
):
    player = at(rig, checkpoint, deployment)
    first, second = (player.get_action(OBS, True) for _ in range(2))
    assert torch.equal(first, second) == (deployment != "residual_sample")
    first, second = (player.get_action(OBS, False) for _ in range(2))
    assert not torch.equal(first, second)


@pytest.mark.slow
@pytest.mark.parametrize("deployment", DEPLOYMENTS)
@pytest.mark.parametrize("deterministic", [True, False])
def test_a_player_executes_the_deployment_of_its_yaml(rig, checkpoint, deployment, deterministic):
    player = at(rig, checkpoint, deployment)
    source = condition_of(player)
    torch.manual_seed(5)
    found = player.get_action(OBS, deterministic)
    torch.manual_seed(5)
    with torch.no_grad():
        expected = player.model.policy.play(source, deterministic, deployment).clamp(-1, 1)
    torch.testing.assert_close(found, expected)


def test_the_deployments_differ_and_the_default_is_the_kernels_mean(rig, checkpoint):
    actions = {name: at(rig, checkpoint, name).get_action(OBS, True) for name in DEPLOYMENTS}
    default = at(rig, checkpoint).get_action(OBS, True)
    torch.testing.assert_close(default, actions["residual_mean"])
    for i, name in enumerate(DEPLOYMENTS):
        for other in DEPLOYMENTS[:i]:
            assert not torch.allclose(actions[name], actions[other], atol=1e-5), (name, other)


@pytest.mark.parametrize("base", BASES.values(), ids=BASES)
def test_save_load_same_action_and_same_density(rig, base):
    run = rig.train(base)
    players = [batched(rig.player(base, run.checkpoint())) for _ in range(2)]
    actions = [player.get_action(OBS, True) for player in players]
    pair = torch.randn(3, 4)
    densities = [p.model.policy.evaluate(condition_of(p), pair).neglogp for p in players]
    assert torch.equal(*actions)
    assert torch.equal(*densities)
    # And the agent that wrote the checkpoint agrees.
    agent = run.agent
    agent.model.eval()
    density = agent.model(Evaluate(Seen(OBS), pair, 0)).density
    torch.testing.assert_close(density.neglogp, densities[0])


@pytest.mark.parametrize("deployment", [None, *DEPLOYMENTS])
@pytest.mark.parametrize("width", [1, 2])
def test_a_single_observation_without_batch_gives_one_action(rig, width, deployment):
    bounds = {"config.env_config.low": [-2.0] * width, "config.env_config.high": [3.0] * width}
    player = rig.player({**bounds, "algo.deployment": deployment})
    for deterministic in (True, False):
        action = player.get_action(torch.zeros(2 * width), deterministic)
        assert action.shape == (width,)
        assert (action >= -2).all() and (action <= 3).all()


@pytest.mark.slow
@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize("deployment", [None, "flow"])
def test_whole_episodes_of_a_recurrent_policy(rig, deployment, deterministic):
    settings = {
        **ON_FEATURES,
        "network.rnn": LSTM,
        "config.env_config.observation": "memory",
        "algo.deployment": deployment,
    }
    player = rig.player(settings, rig.train(settings).checkpoint())
    assert -8 < play(player, 20, deterministic) < 0


def test_rl_games_own_play_loop_runs(rig, checkpoint, capsys):
    settings = {"config.player": {"use_vecenv": True, "games_num": 20, "deterministic": True}}
    rig.runner(settings).run({"train": False, "play": True, "checkpoint": checkpoint})
    assert "av reward: -" in capsys.readouterr().out
