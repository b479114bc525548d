"""Conditional PPO in rl_games' own training: what is stored, who learns what, and when."""

import pytest
import torch

from rlg_genpo import DivergedError
from rlg_genpo.cppo.agent import CPPOAgent
from rlg_genpo.cppo.distillation import Distillation
from tests.common.test_training import MATRIX as GENPO
from tests.rig import BASES, CPPO, ON_FEATURES, STANDARD, Rig

ON_TRUNK = {
    name: {**GENPO[name], **ON_FEATURES}
    for name in (
        "plain",
        "separate",
        "image",
        "dict",
        "lstm",
        "lstm_separate",
        "gru",
        "central_value_lstm",
    )
}
MATRIX = {
    **{
        name: GENPO[name]
        for name in (
            "plain",
            "smooth_clamp",
            "no_clipping",
            "time_outs",
            "separate",
            "bound",
            "entropy",
            "single_environment",
            "minibatch_of_one_row",
            "one_component",
            "two_agents",
            "central_value",
        )
    },
    **{f"{name}_on_features": overrides for name, overrides in ON_TRUNK.items()},
    "standard": STANDARD,
    "standard_langevin": {**STANDARD, "algo.regulariser": "langevin"},
    "state_dependent_sigma": GENPO["state_dependent_sigma"],
    "forgetful": {"algo.contraction": 1.0},
    "regularisation": {"config.bounds_loss_coef": 0.1, "config.bound_loss_type": "regularisation"},
    "none": {"algo.regulariser": "none"},
    "shrinkage": {"algo.regulariser": "shrinkage"},
    "kl_old": {"algo.regulariser": "kl_old"},
    "no_average": {"algo.ema": 0.0},
    "threshold": {"algo.distill_threshold": 100.0},
    "more_minibatches_than_rows": {"algo.distill_minibatches": 1000, "algo.distill_epochs": 1},
    "adaptive": {"config.lr_schedule": "adaptive", "config.schedule_type": "standard"},
}


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path, CPPO)


@pytest.mark.slow
@pytest.mark.parametrize("overrides", MATRIX.values(), ids=MATRIX.keys())
def test_trains(rig, overrides):
    """Every parameter moves and stays finite, and the ratio is 1 until the policy has moved."""
    run = rig.train({"config.max_epochs": 3, **overrides})
    assert run.agent.epoch_num == 3
    assert run.unmoved() == []
    for log_ratio in run.first_log_ratios():
        assert log_ratio.abs().max().item() < 1e-5
    later = torch.cat([step.log_ratio for step in run.steps if step.epoch == 3])
    assert later.abs().max().item() > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [MATRIX["plain"], *(ON_TRUNK[name] for name in ("plain", "lstm", "image"))],
    ids=["observation", "features", "lstm", "image"],
)
def test_mixed_precision_trains_with_float32_densities(rig, device, overrides):
    run = rig.train(
        {
            "config.mixed_precision": True,
            "config.device": device,
            "config.device_name": device,
            "config.max_epochs": 3,
            **overrides,
            "config.env_config.device": device,
        }
    )
    assert run.unmoved() == []
    for log_ratio in run.first_log_ratios():
        assert log_ratio.dtype == torch.float32
        assert log_ratio.exp().sub(1).abs().max().item() < 1e-3


# -- one update, watched --------------------------------------------------------------------------


def parameters(module):
    return {name: value.clone() for name, value in module.named_parameters()}


def same(first, second):
    return all(torch.equal(value, second[name]) for name, value in first.items())


class Watch:
    """What each epoch's update saw, in the order of its steps."""

    def __init__(self, monkeypatch):
        self.epochs = []
        for owner, name in (
            (CPPOAgent, "prepare_dataset"),
            (CPPOAgent, "calc_gradients"),
            (Distillation, "fit"),
            (Distillation, "move_reference"),
        ):
            monkeypatch.setattr(owner, name, self.watching(name, getattr(owner, name)))

    def watching(self, name, method):
        def watched(owner, *args):
            getattr(self, f"at_{name}")(owner, *args)
            result = method(owner, *args)
            getattr(self, f"after_{name}", lambda *_: None)(owner)
            return result

        return watched

    def at_prepare_dataset(self, agent, rollout):
        stored, policy = rollout["actions"].clone(), parameters(agent.policy)
        self.now = {"stored": stored, "minibatches": [], "moves": 0, "rollout": policy}
        self.epochs.append(self.now)

    def at_calc_gradients(self, agent, batch):
        self.now["minibatches"].append(batch["actions"].clone())

    def after_calc_gradients(self, agent):
        self.now["model"] = parameters(agent.model)
        self.now["gradients"] = {n: p.grad is not None for n, p in agent.model.named_parameters()}

    def at_fit(self, learner, source, reference):
        self.now["reference"] = reference.clone()
        self.now["before_fit"] = parameters(learner.policy)

    def after_fit(self, learner):
        self.now["after_fit"] = parameters(learner.policy)

    def at_move_reference(self, learner):
        self.now["moves"] += 1

    def after_move_reference(self, learner):
        self.now["end"] = parameters(learner.policy)


#: without a base
KERNEL = ("residual", "log_sigma")


def part(policy, name):
    return {key: value for key, value in policy.items() if key.startswith(name)}


@pytest.fixture
def watched(rig, monkeypatch):
    def of(overrides=None):
        watch = Watch(monkeypatch)
        watch.run = rig.train({"config.max_epochs": 3, **(overrides or {})})
        assert len(watch.epochs) == 3
        return watch

    return of


@pytest.mark.parametrize("overrides", [{}, ON_TRUNK["lstm"]], ids=["mlp", "lstm"])
def test_the_rollouts_pairs_are_those_of_every_step_and_of_distillation(watched, overrides):
    watch = watched(overrides)
    executed = torch.stack(watch.run.agent.vec_env.actions).unflatten(0, (3, 8))
    for epoch, actions in zip(watch.epochs, executed, strict=True):
        stored = epoch["stored"]
        assert stored.shape == (16 * 8, 4)
        passes = torch.cat(epoch["minibatches"]).unflatten(0, (2, 16 * 8))
        assert torch.equal(passes[0], stored) and torch.equal(passes[1], stored)
        assert torch.equal(epoch["reference"], stored[:, :2])
        # The rollout is ordered by environment, then by time.
        sent = stored[:, 2:].unflatten(0, (16, 8)).transpose(0, 1).clamp(-1, 1)
        assert torch.equal(actions, sent)


@pytest.mark.parametrize("base", BASES)
def test_who_moves_when(watched, base):
    """PPO: the kernel and the critic; distillation: the flow; then the reference, once."""
    watch = watched({**BASES[base], "algo.ema": 0.9})
    kernels = ("residual", "base.mu", "base.sigma") if base == "gaussian" else KERNEL
    for epoch in watch.epochs:
        rollout, ppo, fitted, end = (
            epoch[name] for name in ("rollout", "before_fit", "after_fit", "end")
        )
        for kernel in kernels:
            assert part(rollout, kernel)
            assert not same(part(rollout, kernel), part(ppo, kernel))
            assert same(part(ppo, kernel), part(end, kernel))
        assert same(part(rollout, "flow"), part(ppo, "flow"))
        assert not same(part(ppo, "flow"), part(fitted, "flow"))
        assert same(part(fitted, "flow"), part(end, "flow"))
        assert same(part(rollout, "reference"), part(fitted, "reference"))
        assert epoch["moves"] == 1
        for name, value in part(end, "reference").items():
            flow = fitted[name.replace("reference", "flow")]
            torch.testing.assert_close(value, 0.9 * fitted[name] + 0.1 * flow)
    for before, after in zip(watch.epochs, watch.epochs[1:], strict=False):
        assert same(before["end"], after["rollout"])
    trunk = [part(epoch["model"], "a2c_network.trunk") for epoch in watch.epochs]
    assert not same(trunk[0], trunk[1])


@pytest.mark.parametrize(
    "overrides", [{}, ON_FEATURES, STANDARD], ids=["observation", "features", "standard"]
)
def test_ppos_gradient_reaches_everything_but_the_flows(watched, overrides):
    for epoch in watched(overrides).epochs:
        for name, has_gradient in epoch["gradients"].items():
            assert has_gradient != (".flow." in name or ".reference." in name), name


def test_the_reference_is_the_flow_where_nothing_is_kept(watched):
    for epoch in watched({"algo.ema": 0.0}).epochs:
        for name, value in part(epoch["end"], "reference").items():
            assert torch.equal(value, epoch["end"][name.replace("reference", "flow")])


def test_a_threshold_ends_distillation_early(rig):
    for threshold, passes in ((100.0, 1.0), (None, 3.0)):
        scalars = rig.train({"algo.distill_threshold": threshold}).scalars()
        assert scalars["cppo/matching_passes"] == [passes] * 2


def test_a_distillation_that_diverges_is_told_by_its_key(rig):
    with pytest.raises(DivergedError, match=r"epoch 1: .*params\.algo\.distill_lr is 1e\+30"):
        rig.train({"algo.distill_lr": 1e30, "config.max_epochs": 3})


@pytest.mark.parametrize(
    "trunk", [{}, ON_TRUNK["lstm"], GENPO["central_value"]], ids=["mlp", "lstm", "central_value"]
)
def test_rows_of_a_reset_have_no_say_where_rl_games_masks_them(rig, trunk):
    ends = []
    for filler in (0.0, 50.0):
        overrides = {"config.max_epochs": 3, **trunk, "config.env_config.filler": filler}
        run = rig.train({**overrides, "config.bounds_loss_coef": 0.1, "config.entropy_coef": 0.01})
        if not getattr(run.agent, "mask_autoreset_rows", False):
            pytest.skip("this rl_games masks no rows")
        ends.append({name: value.clone() for name, value in run.agent.model.state_dict().items()})
        masks = torch.stack([mask for mask in run.masks if mask is not None])
        assert masks.mean().item() == pytest.approx(8 / 9, abs=0.02)
        assert run.unmoved() == []
    for name, value in ends[0].items():
        assert torch.equal(value, ends[1][name]), name
