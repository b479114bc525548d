"""Our trunks are rl_games' own networks without their heads: same weights, same numbers."""

import pytest
import torch
from rl_games.algos_torch.network_builder import A2CBuilder

from rlg_genpo.common.trunks import DictTrunk, Trunk
from rlg_genpo.errors import ConfigError
from tests.rig import CNN, LSTM, MLP, network_of

B, T = 6, 3
IMAGE = (8, 10, 3)
SPACE = {
    "continuous": {
        "mu_activation": "None",
        "sigma_activation": "None",
        "mu_init": {"name": "default"},
        "sigma_init": {"name": "const_initializer", "val": 0},
        "fixed_sigma": True,
    }
}
BLOCKS = {
    "mlp": {},
    "d2rl": {"mlp": {**MLP, "d2rl": True}},
    "no_units": {"mlp": {**MLP, "units": []}},
    "lstm": {"rnn": LSTM},
    "lstm_first": {"rnn": {**LSTM, "before_mlp": True, "layer_norm": True}},
    "lstm_concat": {"rnn": {**LSTM, "concat_input": True, "concat_output": True}},
    "gru": {"rnn": {**LSTM, "name": "gru", "layers": 2}},
    "cnn": {"cnn": CNN},
    "cnn_channels_first": {"cnn": {**CNN, "permute_input": False}},
    "cnn_lstm": {"cnn": CNN, "rnn": LSTM},
}


def inputs_of(network, block, shape):
    inputs = {"obs": torch.randn(B, *shape)}
    if "rnn" in block:
        inputs["rnn_states"] = [torch.randn_like(s) for s in network.get_default_rnn_state()]
        inputs["seq_length"] = T
        inputs["dones"] = torch.tensor([0, 1, 0, 0, 0, 1], dtype=torch.uint8)
    return inputs


@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("name", BLOCKS)
def test_features_and_value_are_those_of_rl_games_own_network(name, separate):
    block = {"separate": separate, "mlp": MLP, **BLOCKS[name]}
    shape = IMAGE if "cnn" in block else (4,)
    kwargs = {"input_shape": shape, "value_size": 1, "num_seqs": B // T}
    theirs = A2CBuilder.Network({**block, "space": SPACE}, actions_num=2, **kwargs)
    ours = Trunk(block, actions_num=2, **kwargs)
    missing = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert missing.missing_keys == []
    assert set(missing.unexpected_keys) == {"mu.weight", "mu.bias", "sigma"}

    heads = []
    theirs.mu.register_forward_pre_hook(lambda module, args: heads.append(args[0]))
    inputs = inputs_of(ours, block, shape)
    features, value, states = ours(dict(inputs))
    _, _, their_value, their_states = theirs(dict(inputs))
    assert features.shape == (B, ours.feature_dim)
    assert torch.equal(features, heads[0])
    assert torch.equal(value, their_value) and value.shape == (B, 1)
    if "rnn" in block:
        assert all(torch.equal(a, b) for a, b in zip(states, their_states, strict=True))
        assert ours.is_rnn() and len(states) == len(ours.get_default_rnn_state())


def test_the_users_block_is_left_as_it_was():
    block = {"separate": False, "mlp": MLP, "space": SPACE}
    Trunk(block, input_shape=(4,), actions_num=2)
    assert block == {"separate": False, "mlp": MLP, "space": SPACE}


SHAPES = {"speed": (3,), "camera": IMAGE, "grid": (2, 2)}


def observation(shapes, batch=B):
    return {key: torch.randn(batch, *shape) for key, shape in shapes.items()}


@pytest.mark.parametrize("separate", [False, True])
def test_a_dictionary_of_vectors_is_their_concatenation(separate):
    shapes = {"speed": (3,), "grid": (2, 2)}
    block = {"separate": separate, "mlp": MLP}
    trunk = DictTrunk(block, input_shape=shapes, actions_num=2)
    flat = Trunk(block, input_shape=(7,), actions_num=2)
    flat.load_state_dict(trunk.state_dict())
    obs = observation(shapes)
    features, value, _ = trunk({"obs": obs})
    whole = torch.cat([obs["speed"], obs["grid"].flatten(1)], dim=-1)
    expected_features, expected_value, _ = flat({"obs": whole})
    assert torch.equal(features, expected_features) and torch.equal(value, expected_value)
    # The space's order counts, not the order in which an environment fills its dictionary.
    assert torch.equal(trunk({"obs": dict(reversed(obs.items()))})[0], features)


@pytest.mark.parametrize("separate", [False, True])
def test_an_image_in_a_dictionary_passes_through_rl_games_convolutions(separate):
    block = {"separate": separate, "mlp": MLP, "cnn": CNN}
    trunk = DictTrunk(block, input_shape=SHAPES, actions_num=2)
    alone = Trunk({"mlp": {**MLP, "units": []}, "cnn": CNN}, input_shape=IMAGE, actions_num=2)
    alone.actor_cnn.load_state_dict(trunk.encoders["camera"][-1].state_dict())
    obs = observation(SHAPES)
    camera, _, _ = alone({"obs": obs["camera"]})
    whole = torch.cat([obs["speed"], camera, obs["grid"].flatten(1)], dim=-1)
    flat = Trunk({"separate": separate, "mlp": MLP}, input_shape=(whole.shape[1],), actions_num=2)
    own = {k: v for k, v in trunk.state_dict().items() if not k.startswith("encoders")}
    flat.load_state_dict(own)
    for ours, theirs in zip(trunk({"obs": obs})[:2], flat({"obs": whole})[:2], strict=True):
        torch.testing.assert_close(ours, theirs)


def test_every_part_of_a_dictionary_is_heard():
    trunk = DictTrunk({"mlp": MLP, "cnn": CNN}, input_shape=SHAPES, actions_num=2)
    obs = {key: value.requires_grad_() for key, value in observation(SHAPES).items()}
    trunk({"obs": obs})[0].sum().backward()
    assert all(value.grad.abs().max().item() > 0 for value in obs.values())
    assert trunk({"obs": observation(SHAPES, 1)})[0].shape == (1, trunk.feature_dim)


def test_an_image_without_a_cnn_block_is_refused():
    with pytest.raises(ConfigError) as error:
        DictTrunk({"mlp": MLP}, input_shape=SHAPES, actions_num=2)
    assert str(error.value) == (
        "params.network.cnn: missing, and the observation 'camera' is an image of shape "
        "(8, 10, 3); add a cnn block."
    )


@pytest.mark.parametrize(
    ("shape", "block", "message"),
    [
        ((8, 8, 3), {}, r"network\.cnn: missing, and the observation is an image of shape \(8, 8"),
        ((8, 8), {}, r"network\.cnn: missing, and the observation is an image of shape \(8, 8\)"),
        ((4,), {"cnn": CNN}, r"network\.cnn: the observation is a vector of shape \(4,\), which"),
    ],
)
def test_a_cnn_and_an_image_go_together(shape, block, message):
    with pytest.raises(ConfigError, match=message):
        network_of("genpo", block, shape)
