"""What a checkpoint says of its environment."""

import pytest
import torch

from rlg_genpo.common import checkpoints
from rlg_genpo.errors import ConfigError
from rlg_genpo.export import sizes
from tests.export.cases import CASES, GAUSSIAN
from tests.rig import CNN

#: without statistics, what a checkpoint says by itself
PLAIN = {"config.normalize_input": False}


def info_of(rig, overrides, aged):
    """Read from a trained checkpoint; ``aged`` as one of before the sizes stood in it."""
    run = rig.train({"config.max_epochs": 1, **overrides})
    state = torch.load(run.checkpoint(), map_location="cpu", weights_only=False)
    if aged:
        state.get(checkpoints.KEY, {}).pop("observation", None)
    found = sizes.env_info({**rig.settings(overrides)["params"], "env": {"clip_actions": 2}}, state)
    return run.agent, found


def shape_of(space):
    return (
        {k: v.shape for k, v in space.spaces.items()} if hasattr(space, "spaces") else space.shape
    )


@pytest.mark.parametrize("aged", [False, True])
@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("name", ["genpo", "genpo_standard", "cppo", "cppo_standard", "ddpl"])
def test_flat_sizes(rig, name, plain, aged):
    agent, found = info_of(rig, {**CASES[name], **(PLAIN if plain else {})}, aged)
    assert found["observation_space"].shape == agent.obs_shape
    assert found["action_space"].shape == (agent.actions_num,)
    assert (found["action_space"].high == 2).all() and (found["action_space"].low == -2).all()


@pytest.mark.parametrize("plain", [False, True])
def test_of_rl_games_own_gaussian(rig, plain):
    from tests.rig import Run

    run, overrides = Run(), {**GAUSSIAN, **(PLAIN if plain else {}), "config.max_epochs": 1}
    rig.runner(overrides, run).run_train({"train": True, "checkpoint": None})
    state = torch.load(run.checkpoint(), map_location="cpu", weights_only=False)
    found = sizes.env_info(rig.settings(overrides)["params"], state)
    assert found["observation_space"].shape == (4,) and found["action_space"].shape == (2,)


def test_parts_keep_their_order(rig):
    agent, found = info_of(rig, CASES["genpo_dict_image"], aged=False)
    assert list(shape_of(found["observation_space"])) == list(agent.obs_shape)
    assert shape_of(found["observation_space"]) == agent.obs_shape
    state = {"zebra": (3,), "ape": (8, 8, 3)}
    assert list(shape_of(sizes.observation_space(state))) == ["zebra", "ape"]


def test_what_an_old_checkpoint_of_images_does_not_say(rig):
    overrides = {**PLAIN, "config.env_config.observation": "image", "network.cnn": CNN}
    with pytest.raises(ConfigError, match=r"normalize_input: False, .* does not say their sizes"):
        info_of(rig, overrides, aged=True)
    agent, found = info_of(rig, overrides, aged=False)
    assert found["observation_space"].shape == agent.obs_shape
