"""What a CPPO checkpoint goes on from, and which YAML it refuses."""

import pytest
import torch

from rlg_genpo import CheckpointError
from tests.rig import BASES, CPPO, STANDARD, Rig


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path, CPPO)


def restored(rig, run, overrides=None):
    agent = rig.agent(overrides)
    agent.restore(run.checkpoint())
    return agent


def parameters(agent):
    return {name: value.clone() for name, value in agent.model.named_parameters()}


def step(agent, dataset, source, reference):
    """One gradient step of PPO, one distillation, one step of the reference."""
    agent.set_train()
    agent.dataset = dataset
    agent.calc_gradients(dataset[0])
    torch.manual_seed(7)
    agent.distillation.fit(source, reference)
    agent.distillation.move_reference()
    return parameters(agent)


def rollout_of(agent):
    """A rollout as rl_games cuts it, its states and its u_k."""
    agent.init_tensors()
    agent.obs = agent.env_reset()
    agent.set_eval()
    with torch.no_grad():
        rollout = agent.play_steps()
    agent.set_train()
    agent.prepare_dataset(rollout)
    return agent.dataset, *agent._rollout_states()


@pytest.mark.parametrize("base", BASES.values(), ids=BASES)
def test_the_next_steps_are_those_of_a_run_that_was_not_interrupted(rig, base):
    """Weights, both optimisers' moments and the rates: one missing, and the steps would part."""
    run = rig.train({"config.max_epochs": 3, **base})
    again = restored(rig, run, base)
    before = parameters(run.agent)
    rollout = rollout_of(restored(rig, run, base))
    there, here = step(run.agent, *rollout), step(again, *rollout)
    for name, value in there.items():
        assert torch.equal(value, here[name]), name
        assert not torch.equal(value, before[name]), name


def test_flow_and_reference_are_kept_apart(rig):
    run = rig.train({"config.max_epochs": 3})
    there, here = run.agent.policy, restored(rig, run).policy
    for part in ("flow", "reference"):
        pairs = zip(
            getattr(there, part).parameters(), getattr(here, part).parameters(), strict=True
        )
        assert all(torch.equal(old, new) for old, new in pairs)
    pairs = zip(here.flow.parameters(), here.reference.parameters(), strict=True)
    assert not any(torch.equal(flow, reference) for flow, reference in pairs)
    assert not any(parameter.requires_grad for parameter in here.reference.parameters())


def test_a_resumed_run_goes_on_training(rig):
    first = rig.train({"config.max_epochs": 2})
    resumed = rig.train({"config.max_epochs": 4}, first.checkpoint())
    assert sorted({step.epoch for step in resumed.steps}) == [3, 4]
    assert resumed.unmoved() == []
    # Adam's count of steps: 3 passes of 4 minibatches in each of 4 epochs
    (state,) = {int(state["step"]) for state in resumed.agent.distillation.optimizer.state.values()}
    assert state == 4 * 3 * 4


def test_the_flows_rate_is_what_the_yaml_says_now(rig):
    run = rig.train()
    agent = restored(rig, run, {"algo.distill_lr": 2e-4})
    assert {group["lr"] for group in agent.distillation.optimizer.param_groups} == {2e-4}
    assert agent.last_lr == 1e-3


CHANGED = {
    "algo.contraction": (0.9, "0.5"),
    "network.flow.base": ("standard", "gaussian"),
    "network.flow.steps": (5, "3"),
    "network.flow.condition": ("features", "None"),
    "network.flow.activation": ("tanh", "silu"),
    "network.residual.activation": ("tanh", "silu"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["agent", "player"])
@pytest.mark.parametrize("key", CHANGED)
def test_a_head_that_changed_is_refused_by_its_key(rig, key, kind):
    run = rig.train({"config.max_epochs": 1})
    value, there = CHANGED[key]
    with pytest.raises(CheckpointError) as error:
        getattr(rig, kind)({key: value}).restore(run.checkpoint())
    assert str(error.value) == (
        f"params.{key}: the checkpoint's policy was trained with {there}, the YAML says {value}. "
        "Set it back, or train anew."
    )


NARROW = {"name": "const_initializer", "val": -2}
#: sigma at the start
SIGMA = {
    "gaussian": {"network.space.continuous": {"sigma_init": NARROW}},
    "standard": {**STANDARD, "network.residual.sigma": 0.1},
}


@pytest.mark.parametrize("base", BASES)
def test_what_training_alone_reads_may_change(rig, base):
    run = rig.train(BASES[base])
    changed = {
        **SIGMA[base],
        "network.residual.output_scale": 1.0,
        "network.flow.output_scale": 1.0,
        "algo.regulariser": "none",
        "algo.ema": 0.5,
        "algo.distill_epochs": 1,
        "algo.deployment": "flow",
    }
    agent = restored(rig, run, changed)
    assert torch.equal(agent.policy.raw_sigma, run.agent.policy.raw_sigma)
    assert agent.distillation.settings.ema == 0.5
    player = rig.player(changed, run.checkpoint())
    assert torch.equal(player.model.policy.raw_sigma, run.agent.policy.raw_sigma)


@pytest.mark.parametrize("kind", ["agent", "player"])
def test_a_kernel_of_another_contraction_is_refused_by_its_key(rig, kind):
    """A trained delta was learned beside (1 - kappa) u_k: another kappa plays other actions."""
    run = rig.train({"config.max_epochs": 1})
    with pytest.raises(CheckpointError, match=r"params\.algo\.contraction: .* trained with 0\.5"):
        getattr(rig, kind)({"algo.contraction": 0.9}).restore(run.checkpoint())


@pytest.mark.parametrize("kind", ["agent", "player"])
def test_a_flow_from_wider_noise_is_refused_by_its_key(rig, kind):
    """Without a base; on one, the noise is always 1."""
    run = rig.train({**STANDARD, "config.max_epochs": 1})
    with pytest.raises(CheckpointError, match=r"flow\.noise_scale: .* trained with 1\.0"):
        getattr(rig, kind)({**STANDARD, "network.flow.noise_scale": 0.5}).restore(run.checkpoint())


#: what checkpoints lack that were written before there was a base, and before kappa had a name
LACKING = {
    "standard": ("params.network.flow.base", "params.algo.contraction"),
    "gaussian": ("params.algo.contraction",),
}


@pytest.mark.parametrize("base", LACKING)
def test_an_older_checkpoint_goes_on_as_what_it_was(rig, base):
    run = rig.train({**BASES[base], "config.max_epochs": 2})
    weights = torch.load(run.checkpoint(), weights_only=False)
    for key in LACKING[base]:
        del weights["rlg_genpo"]["head"][key]
    older = str(rig.folder / "older.pth")
    torch.save(weights, older)
    resumed = rig.train({**BASES[base], "config.max_epochs": 3}, older)
    assert {step.epoch for step in resumed.steps} == {3} and resumed.unmoved() == []
    other = next(iter(BASES.keys() - {base}))
    with pytest.raises(CheckpointError, match=rf"flow\.base: .* trained with {base}, .* {other}"):
        rig.agent(BASES[other]).restore(older)
    if base == "gaussian":
        with pytest.raises(CheckpointError, match=r"algo\.contraction: .* trained with 0\.5"):
            rig.agent({"algo.contraction": 0.9}).restore(older)


@pytest.mark.parametrize("kind", ["agent", "player"])
@pytest.mark.parametrize(("there", "here"), [("genpo", "cppo"), ("cppo", "genpo")])
def test_another_policys_checkpoint_is_refused(tmp_path, there, here, kind):
    rigs = {"genpo": Rig(tmp_path), "cppo": Rig(tmp_path, CPPO)}
    run = rigs[there].train({"config.max_epochs": 1})
    with pytest.raises(CheckpointError) as error:
        getattr(rigs[here], kind)().restore(run.checkpoint())
    assert str(error.value) == (
        f"The checkpoint holds a {there} policy, but params.algo.name is {here}. "
        "Load it with the YAML that it was trained with."
    )
