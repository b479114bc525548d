"""Every setting that rl_games offers really trains: a few epochs through its own Runner."""

import pytest
import torch

from rlg_genpo.host import compat
from tests.rig import CENTRAL_VALUE, CNN, CPPO, LSTM, STANDARD

MATRIX = {
    "plain": {},
    "numpy": {"config.env_config.arrays": True},
    "no_normalisation": {"config.normalize_input": False, "config.normalize_value": False},
    "smooth_clamp": {"config.use_smooth_clamp": True, "config.clip_value": True},
    "no_clipping": {"config.truncate_grads": False, "config.normalize_advantage": False},
    "diagnostics": {"config.use_diagnostics": True},
    "time_outs": {"config.env_config.time_outs": True, "config.value_bootstrap": True},
    "separate": {"network.separate": True},
    "d2rl": {"network.mlp.d2rl": True},
    "observation": {"network.flow.condition": "observation"},
    "observation_separate": {"network.flow.condition": "observation", "network.separate": True},
    "unmixed": {"network.flow.mix": 1.0},
    "recompute": {"network.flow.memory": "recompute"},
    "norm": {"algo.compression": "norm", "algo.compression_fraction": 0.25},
    "bound": {"config.bounds_loss_coef": 0.1},
    "regularisation": {
        "config.bounds_loss_coef": 0.1,
        "config.bound_loss_type": "regularisation",
        "algo.compression_coef": 0,
    },
    "entropy": {"config.entropy_coef": 0.01},
    "cross_entropy": {"algo.cross_entropy_coef": 0.01},
    "standard": STANDARD,
    "standard_observation": {**STANDARD, "network.flow.condition": "observation"},
    "state_dependent_sigma": {"network.space.continuous": {"fixed_sigma": False}},
    "single_environment": {"config.num_actors": 1, "config.minibatch_size": 4},
    "minibatch_of_one_row": {"config.num_actors": 1, "config.minibatch_size": 1},
    "one_component": {"config.env_config.low": [-1.0], "config.env_config.high": [1.0]},
    "image": {"config.env_config.observation": "image", "network.cnn": CNN},
    "image_separate": {
        "config.env_config.observation": "image",
        "network.cnn": CNN,
        "network.separate": True,
        "config.normalize_input": False,
    },
    "dict": {"config.env_config.observation": "dict"},
    "dict_numpy": {"config.env_config.observation": "dict", "config.env_config.arrays": True},
    "dict_image": {"config.env_config.observation": "dict_image", "network.cnn": CNN},
    "lstm": {"config.env_config.observation": "memory", "network.rnn": LSTM},
    "lstm_separate": {
        "config.env_config.observation": "memory",
        "network.rnn": {**LSTM, "before_mlp": True, "layer_norm": True},
        "network.separate": True,
    },
    "gru": {
        "config.env_config.observation": "memory",
        "network.rnn": {**LSTM, "name": "gru", "concat_output": True},
    },
    "gru_separate": {
        "config.env_config.observation": "memory",
        "network.rnn": {**LSTM, "name": "gru"},
        "network.separate": True,
    },
    "two_agents": {"config.env_config.agents": 2},
    "central_value": {
        "config.env_config.states": True,
        "config.central_value_config": CENTRAL_VALUE,
    },
    "central_value_lstm": {
        "config.env_config": {"observation": "memory", "states": True},
        "config.central_value_config": CENTRAL_VALUE,
        "network.rnn": LSTM,
    },
}

overrides = pytest.mark.parametrize("overrides", MATRIX.values(), ids=MATRIX.keys())


@pytest.mark.slow
@overrides
def test_trains(rig, overrides):
    """Every parameter moves and stays finite, and the ratio is 1 until the policy has moved.

    The second holds with the input normaliser on, because it stands still during an update, and
    with recurrent trunks, because the stored states and dones restore the rollout's features.
    """
    run = rig.train({"config.max_epochs": 3, **overrides})
    assert run.agent.epoch_num == 3
    assert run.unmoved() == []
    for log_ratio in run.first_log_ratios():
        assert log_ratio.abs().max().item() < 1e-5
    later = torch.cat([step.log_ratio for step in run.steps if step.epoch == 3])
    assert later.abs().max().item() > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(
    "trunk", ["plain", "separate", "lstm", "image", "central_value", "recompute"]
)
def test_mixed_precision_trains_with_float32_densities(rig, device, trunk):
    run = rig.train(
        {
            "config.mixed_precision": True,
            "config.device": device,
            "config.device_name": device,
            "config.max_epochs": 3,
            **MATRIX[trunk],
            "config.env_config.device": device,
        }
    )
    assert run.unmoved() == []
    for log_ratio in run.first_log_ratios():
        assert log_ratio.dtype == torch.float32
        assert log_ratio.exp().sub(1).abs().max().item() < 1e-3


@pytest.mark.slow
@pytest.mark.skipif(not compat.compiles(), reason="this rl_games does not compile")
@pytest.mark.parametrize(
    "overrides", [{}, MATRIX["central_value"], CPPO], ids=["plain", "central_value", "cppo"]
)
def test_compiled_training_and_an_uncompiled_resume(rig, device, overrides):
    try:
        torch.compile(torch.sin)(torch.ones(1, device=device))
    except Exception as error:  # whatever this machine's toolchain raises is the reason
        pytest.skip(f"torch.compile does not work here: {type(error).__name__}")
    run = rig.train(
        {
            **overrides,
            "config.torch_compile": True,
            "config.device": device,
            "config.device_name": device,
            "config.env_config.device": device,
        }
    )
    assert type(run.agent.model).__name__ == "OptimizedModule"
    assert run.unmoved() == []
    for log_ratio in run.first_log_ratios():
        assert log_ratio.abs().max().item() < 1e-4
    restored = rig.agent(overrides)
    restored.restore(run.checkpoint())
    assert restored.epoch_num == 2


def test_actions_fill_the_environments_own_bounds(rig):
    # The environment asserts that it receives nothing outside them.
    low, high = (-3.0, 0.5), (1.0, 4.0)
    run = rig.train({"config.env_config.low": low, "config.env_config.high": high})
    actions = torch.stack(run.agent.vec_env.actions)
    torch.testing.assert_close(actions.amin(dim=(0, 1)), torch.tensor(low))
    torch.testing.assert_close(actions.amax(dim=(0, 1)), torch.tensor(high))


@pytest.mark.parametrize(
    ("base", "spread"),
    [
        # a Gaussian of which the mean is zero, and the mean of two nearly independent normals
        ({"network.space.continuous": {"mu_init": {"name": "const_initializer", "val": 0}}}, 1.0),
        (STANDARD, 0.71),
    ],
    ids=["gaussian", "standard"],
)
def test_unclipped_actions_reach_the_environment_as_they_are(rig, base, spread):
    run = rig.train(
        {
            **base,
            "config.clip_actions": False,
            "config.env_config.low": (-9.0, -9.0),
            "config.env_config.high": (9.0, 9.0),
            "config.max_epochs": 1,
        }
    )
    actions = torch.stack(run.agent.vec_env.actions)
    # Of 8 * 16 * 2 numbers, the standard deviation errs by 1 / sqrt(512) = 4 % of itself.
    assert actions.std().item() == pytest.approx(spread, rel=0.14)


def test_the_value_is_added_to_the_reward_at_a_time_out(rig):
    agent = rig.agent({"config.env_config.time_outs": True, "config.value_bootstrap": True})
    agent.init_tensors()
    agent.obs = agent.env_reset()
    agent.set_eval()
    with torch.no_grad():
        agent.play_steps()
    stored, env = agent.experience_buffer.tensor_dict, agent.vec_env
    ended = torch.stack(env.dones).float()
    assert 0 < ended.mean() < 1
    bootstrap = stored["rewards"].squeeze(-1) - torch.stack(env.rewards)
    torch.testing.assert_close(bootstrap, 0.9 * ended * stored["values"].squeeze(-1))


@pytest.mark.parametrize("trunk", ["plain", "lstm", "central_value"])
def test_rows_of_a_reset_have_no_say_where_rl_games_masks_them(rig, trunk):
    ends = []
    for filler in (0.0, 50.0):
        run = rig.train(
            {"config.max_epochs": 3, **MATRIX[trunk], "config.env_config.filler": filler}
        )
        if not getattr(run.agent, "mask_autoreset_rows", False):
            pytest.skip("this rl_games masks no rows")
        ends.append({name: value.clone() for name, value in run.agent.model.state_dict().items()})
        masks = torch.stack([mask for mask in run.masks if mask is not None])
        assert all(ratio.abs().max().item() < 1e-5 for ratio in run.first_log_ratios())
        # Episodes of eight steps and one of reset.
        assert masks.mean().item() == pytest.approx(8 / 9, abs=0.02)
    for name, value in ends[0].items():
        assert torch.equal(value, ends[1][name]), name


def test_normalisers_take_in_the_rollout(rig):
    run = rig.train({"config.max_epochs": 4})
    normaliser = run.agent.model.running_mean_std
    # Each epoch's 8 x 16 observations once, on top of the count of 1 that rl_games starts with.
    assert normaliser.count.item() == 1 + 4 * 8 * 16
    # Goals are uniform on [-1, 1]: variance 1/3.
    assert normaliser.running_var[2:].mean().item() == pytest.approx(1 / 3, abs=0.06)
    assert run.agent.value_mean_std.running_mean.item() < -0.1


def test_the_input_normaliser_stands_still_during_an_update(rig, monkeypatch):
    means = []
    agent_class = type(rig.agent())
    step = agent_class.calc_gradients

    def watched(agent, minibatch):
        means.append((agent.epoch_num, agent.model.running_mean_std.running_mean.clone()))
        step(agent, minibatch)

    monkeypatch.setattr(agent_class, "calc_gradients", watched)
    rig.train()
    by_epoch = {epoch: [mean for at, mean in means if at == epoch] for epoch in (1, 2)}
    for seen in by_epoch.values():
        assert len(seen) == 4 and all(torch.equal(mean, seen[0]) for mean in seen)
    assert not torch.equal(by_epoch[1][0], by_epoch[2][0])


def test_the_central_value_is_what_the_rollout_stores(rig):
    overrides = MATRIX["central_value"]
    agent = rig.agent(overrides)
    agent.init_tensors()
    obs = agent.env_reset()
    expected = agent.central_value_net.get_value({"states": obs["states"], "is_train": False})
    torch.testing.assert_close(agent.get_action_values(obs)["values"], expected)
    torch.testing.assert_close(agent.get_values(obs), expected)


def test_with_a_central_value_alone_the_actors_value_head_rests(rig):
    run = rig.train({**MATRIX["central_value"], "config.use_experimental_cv": False})
    assert run.unmoved() == ["a2c_network.trunk.value.weight", "a2c_network.trunk.value.bias"]
