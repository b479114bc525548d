"""The differences between rl_games versions, on whichever version is installed."""

import ast
import inspect
import logging
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from rl_games.algos_torch.a2c_continuous import A2CAgent
from rl_games.algos_torch.models import ModelA2CContinuousLogStd
from rl_games.algos_torch.running_mean_std import RunningMeanStd
from torch import nn

from rlg_genpo import ConfigError
from rlg_genpo.genpo.network import GenPOBuilder
from rlg_genpo.host import compat
from tests import versions
from tests.rig import CENTRAL_VALUE, MLP, Run

CENTRAL = {"config.env_config.states": True, "config.central_value_config": CENTRAL_VALUE}


def test_every_name_is_exercised_here():
    tree = ast.parse(Path(compat.__file__).read_text())
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            defined |= {target.id for target in targets if isinstance(target, ast.Name)}
    public = {name for name in defined if not name.startswith("_")}
    here = Path(__file__).read_text()
    assert public > {"spaces", "backward"}
    assert {name for name in public if f"compat.{name}" not in here} == set()


@pytest.mark.parametrize("observation", ["vector", "dict"])
def test_its_spaces_are_those_that_rl_games_allocates_for(rig, observation):
    agent = rig.agent({"config.env_config.observation": observation})
    assert isinstance(agent.observation_space, compat.spaces.Space)
    agent.init_tensors()
    stored = agent.experience_buffer.tensor_dict["obses"]
    parts = list(stored.values()) if observation == "dict" else [stored]
    assert sum(part.shape[-1] for part in parts) == 4
    assert all(part.shape[:2] == (8, 16) for part in parts)


def test_a_space_that_rl_games_does_not_know_is_refused(rig):
    class Foreign(compat.spaces.Box):
        pass

    agent = rig.agent()
    agent.env_info["action_space"] = Foreign(-1, 1, (2,))
    with pytest.raises(ConfigError, match=r"action space is none .* a Box or Dict of gym"):
        agent.init_tensors()
    builder = GenPOBuilder()
    builder.load({"name": "genpo_actor_critic", "mlp": MLP})
    builder.receive(rig.parsed())
    with pytest.raises(ConfigError, match=r"params\.config\.env_name: .* observation space"):
        builder.build("a2c", input_shape=None, actions_num=2)
    with pytest.raises(ConfigError):
        compat.refuse_space("state")


def test_a_compiled_run_is_asked_for_only_where_rl_games_compiles(rig, caplog):
    with caplog.at_level(logging.WARNING, logger="rlg_genpo"):
        rig.agent({"config.torch_compile": True})
    warned = "params.config.torch_compile: ignored" in caplog.text
    assert warned != compat.compiles()


def test_envpool_is_driven_by_five_values_or_not():
    from rl_games.envs.envpool import Envpool

    class Stub:
        env = SimpleNamespace(step=lambda action, ids: (0, 0.0, True, False, {}))
        ids, scores, flatten_obs, use_dict_obs_space = None, 0, False, False
        _set_scores = Envpool._set_scores

    try:
        Envpool.step(Stub(), 0)
        drives = True
    except (ValueError, TypeError):
        drives = False
    assert versions.drives_envpool() == drives


def test_a_scripted_normaliser_is_replaced_by_a_plain_one_with_its_statistics():
    # 1.6.1 scripts none.
    model = ModelA2CContinuousLogStd.Network(
        nn.Identity(), obs_shape=(3,), normalize_value=True, normalize_input=True, value_size=1
    )
    model.train().running_mean_std(torch.randn(20, 3) + 5)
    model.eval()
    obs = 10 * torch.randn(50, 3)
    before = model.running_mean_std(obs)
    compat.unscript(model)
    assert type(model.running_mean_std) is RunningMeanStd and not model.running_mean_std.training
    assert torch.equal(model.running_mean_std(obs), before)
    compat.unscript(model)  # as it was


def test_a_dict_normaliser_keeps_a_mean_per_key():
    normaliser = compat.dict_normaliser({"far": (2,), "near": (1,)})
    normaliser.train()
    normaliser({"far": torch.full((5, 2), 9.0), "near": torch.full((5, 1), -3.0)})
    means = {
        name.split(".")[1]: value.mean().item()
        for name, value in normaliser.state_dict().items()
        if name.endswith("running_mean")
    }
    # Five rows beside the count of 1, at mean 0, that rl_games starts with.
    assert means == pytest.approx({"far": 9 * 5 / 6, "near": -3 * 5 / 6})


def test_auxiliary_losses_are_those_that_a_network_has():
    losses = {"prediction": torch.ones(())}
    assert compat.aux_loss(SimpleNamespace(get_aux_loss=lambda: losses)) is losses
    assert compat.aux_loss(SimpleNamespace()) is None


@pytest.mark.parametrize("scale", [None, 4.0])
def test_the_loss_passes_through_a_gradient_scaler_where_there_is_one(scale):
    weight = torch.tensor(3.0, requires_grad=True)
    agent = SimpleNamespace()
    if scale is not None:
        agent.scaler = SimpleNamespace(scale=lambda loss: scale * loss)
    compat.backward(agent, weight.square())
    assert weight.grad is not None and weight.grad.item() == 6 * (scale or 1)


@pytest.mark.parametrize(("kind", "calls"), [(None, 4), ("legacy", 4), ("standard", 2)])
def test_the_schedule_is_called_as_often_as_it_says(rig, monkeypatch, kind, calls):
    overrides = {"config.lr_schedule": "adaptive", "config.max_epochs": 1}
    if kind is not None:
        overrides["config.schedule_type"] = kind
    agent = rig.agent(overrides)
    seen = []
    monkeypatch.setattr(
        agent.scheduler, "update", lambda rate, entropy, *rest: seen.append(1) or (rate, entropy)
    )
    agent.train()
    # An epoch of two mini-epochs of two minibatches.
    assert len(seen) == calls
    assert compat.decides_per_minibatch(agent) == (calls == 4)


@pytest.mark.parametrize("kind", compat.PER_MINIBATCH)
def test_both_names_of_a_decision_per_minibatch_are_known(kind):
    assert compat.decides_per_minibatch(SimpleNamespace(schedule_type=kind))


def test_the_rate_is_that_of_the_optimiser():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.25)
    agent = SimpleNamespace(optimizer=optimizer, last_lr=1.0)
    compat.adopt_rate(agent)
    assert agent.last_lr == 0.25


@pytest.mark.parametrize(("minibatch", "sizes"), [(4, [4, 4, 4]), (12, [12]), (1, [12])])
def test_slices_cover_the_rollout_and_none_is_a_single_row(minibatch, sizes):
    agent = SimpleNamespace(batch_size=12, minibatch_size=minibatch)
    rows = [list(range(12))[part] for part in compat.slices(agent)]
    assert [len(part) for part in rows] == sizes
    assert [row for part in rows for row in part] == list(range(12))


def test_statistics_are_shared_where_rl_games_can():
    shared = []
    compat.share_statistics(SimpleNamespace(sync_running_stats=lambda: shared.append(1)))
    compat.share_statistics(SimpleNamespace())
    assert shared == [1]


def test_speed_counts_what_is_trained_after_the_gradient_steps(rig):
    run, epochs = Run(), []
    agent = rig.agent({"config.max_epochs": 1})
    agent.after_update = lambda: time.sleep(0.3)
    run.after_init(agent)
    whole = agent.train_epoch
    agent.train_epoch = lambda: epochs.append(whole()) or epochs[-1]
    agent.train()
    ((_, play, update, epoch, *_),) = epochs
    assert 0.3 < update <= epoch - play + 1e-3
    assert run.scalars()["performance/step_inference_rl_update_fps"][0] < 8 * 16 / 0.3


def test_an_epochs_result_takes_later_work_in():
    before = (0.5, 1.0, 2.0, 3.0, "losses")
    assert compat.add_update_time(before, 0.25) == (0.5, 1.0, 2.25, 3.25, "losses")
    assert (before[compat.UPDATE_TIME], before[compat.EPOCH_TIME]) == (2.0, 3.0)


def test_the_frame_is_where_rl_games_puts_it():
    position = list(inspect.signature(A2CAgent.write_stats).parameters).index("frame") - 1
    assert position == compat.FRAME_POSITION
    arguments = tuple(range(100, 115))
    assert compat.frame_of_stats(None, arguments, {}) == 100 + position
    assert compat.frame_of_stats(None, (), {"frame": 7}) == 7


class Part(nn.Module):
    """What stands in the agent: a network within another module."""

    def __init__(self, weight):
        super().__init__()
        self.model = nn.Linear(2, 1, bias=False)
        nn.init.constant_(self.model.weight, weight)


@pytest.mark.parametrize(("there", "here"), [(False, False), (True, False), (True, True)])
def test_a_module_loads_its_tensors_compiled_or_not(there, here):
    saved, loaded = Part(3.0), Part(0.0)
    compat.load_uncompiled(loaded.model)
    if there:
        saved.model = torch.compile(saved.model)
    assert any(compat.COMPILED in name for name in saved.state_dict()) == there
    inner = loaded.model
    if here:
        loaded.model = torch.compile(inner)
    loaded.load_state_dict(saved.state_dict())
    assert inner.weight.tolist() == [[3.0, 3.0]]


def test_a_central_values_optimiser_is_saved_and_resumed(rig):
    run = rig.train(CENTRAL)
    state = torch.load(run.checkpoint(), weights_only=False)
    assert len(state[compat.CENTRAL_OPTIMIZER]["state"]) > 0
    agent = rig.agent(CENTRAL)
    compat.resume_central_optimizer(agent, state)
    moments = agent.central_value_net.optimizer.state_dict()["state"]
    assert len(moments) == len(state[compat.CENTRAL_OPTIMIZER]["state"])
    plain = {}
    compat.keep_central_optimizer(rig.agent(), plain)
    compat.resume_central_optimizer(rig.agent(), state)
    assert plain == {}
    compat.keep_central_optimizer(agent, plain)
    assert set(plain) == {compat.CENTRAL_OPTIMIZER}


def test_a_word_of_another_version_is_refused_where_it_would_be_ignored(rig):
    overrides = {"config.schedule_type": "per_minibatch"}
    if compat.renames_legacy():
        assert compat.decides_per_minibatch(rig.agent(overrides))
    else:
        with pytest.raises(ConfigError, match=r"params\.config\.schedule_type: per_minibatch"):
            rig.agent(overrides)


def test_normalize_rms_advantage_is_refused_where_rl_games_fails_on_it(rig):
    overrides = {"config.normalize_rms_advantage": True}
    if compat.averages_advantages():
        rig.agent(overrides)
        return
    with pytest.raises(ConfigError, match=r"normalize_rms_advantage: True, which this version"):
        rig.agent(overrides)
