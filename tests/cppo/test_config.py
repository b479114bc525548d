"""Every key of CPPO's, with its bad input and what the user is told, before anything is built."""

from dataclasses import fields

import pytest

from rlg_genpo.algorithm import algorithms
from rlg_genpo.common.flow_config import ACTIVATION_NAMES
from rlg_genpo.cppo.config import (
    DEPLOYMENTS,
    REGULARISERS,
    AlgoConfig,
    CPPOConfig,
    ReferenceFlowConfig,
    ResidualConfig,
)
from rlg_genpo.errors import ConfigError
from tests.genpo.test_config import ADAPTIVE, EVEN, WIDTHS, identify, no_environment  # noqa: F401
from tests.rig import ABSENT, CNN, CPPO, LSTM, ON_FEATURES, STANDARD, Rig

FLOW, RESIDUAL, ALGO = "params.network.flow", "params.network.residual", "params.algo"


def known(block):
    return "Known keys: " + ", ".join(field.name for field in fields(block)) + "."


#: (overrides, the whole message)
BAD = [
    ({"residual": {"sigma": 0.2}}, "params.residual: belongs under params.network."),
    ({"flow": {}}, "params.flow: belongs under params.network."),
    ({"network.flow.steps": 0}, f"{FLOW}.steps: must be at least 1, got 0."),
    (
        {"network.flow.condition": "state"},
        f"{FLOW}.condition: must be one of features, observation, got state.",
    ),
    (
        {"network.flow.base": "normal"},
        f"{FLOW}.base: must be one of gaussian, standard, got normal.",
    ),
    ({"network.flow.units": []}, f"{FLOW}.units: {WIDTHS}, got []."),
    (
        {"network.flow.activation": "mich"},
        f"{FLOW}.activation: must be one of {', '.join(ACTIVATION_NAMES)}, got mich.",
    ),
    (
        {"network.flow.time_embedding": 5},
        f"{FLOW}.time_embedding: {EVEN}, got 5.",
    ),
    ({"network.flow.time_units": [8, 0]}, f"{FLOW}.time_units: {WIDTHS}, got [8, 0]."),
    ({"network.flow.output_scale": -1}, f"{FLOW}.output_scale: must be at least 0, got -1.0."),
    ({"network.flow.noise_scale": 0}, f"{FLOW}.noise_scale: must be above 0, got 0.0."),
    (
        {"network.flow.noise_scale": 0.5},  # the standard base's
        f"{FLOW}.noise_scale: 0.5 with base: gaussian, which the policy starts as only where it is "
        "1; delete the line, or set sigma_init of params.network.space.continuous.",
    ),
    ({"network.flow.noise_scale": "wide"}, f"{FLOW}.noise_scale: must be a number, got 'wide'."),
    (
        {"network.flow.mix": 0.9},  # GenPO's
        f"{FLOW}.mix: unknown key. {known(ReferenceFlowConfig)}",
    ),
    *(
        (
            {f"network.{trunk}": block, "network.flow.condition": "observation"},
            f"{FLOW}.condition: 'observation' leaves the policy without the "
            f"params.network.{trunk} trunk; use condition: features.",
        )
        for trunk, block in (("rnn", LSTM), ("cnn", CNN))
    ),
    ({"network.residual.units": 64}, f"{RESIDUAL}.units: must be a list, got 64."),
    (
        {"network.residual.activation": "mich"},
        f"{RESIDUAL}.activation: must be one of {', '.join(ACTIVATION_NAMES)}, got mich.",
    ),
    ({"network.residual.sigma": 0}, f"{RESIDUAL}.sigma: must be above 0, got 0.0."),
    ({"network.residual.sigma": -0.5}, f"{RESIDUAL}.sigma: must be above 0, got -0.5."),
    (
        {"network.residual.sigma": 0.2},  # the standard base's
        f"{RESIDUAL}.sigma: 0.2 with flow.base: gaussian, whose sigma is that of "
        "params.network.space.continuous; delete the line, or set sigma_init.",
    ),
    (
        {"network.residual.output_scale": -1},
        f"{RESIDUAL}.output_scale: must be at least 0, got -1.0.",
    ),
    (
        {"network.residual.sigmas": 0.5},
        f"{RESIDUAL}.sigmas: unknown key, did you mean 'sigma'? {known(ResidualConfig)}",
    ),
    ({"network.residual": 0.5}, f"{RESIDUAL}: must be a block of keys, got 0.5."),
    (
        {"network.residul": {"sigma": 0.2}},
        "params.network.residul: unknown key, did you mean 'residual'?",
    ),
    (
        {"network.flwo": {"steps": 4}},
        "params.network.flwo: unknown key, did you mean 'flow'?",
    ),
    (
        {"algo.regulariser": "langevine"},
        f"{ALGO}.regulariser: must be one of {', '.join(REGULARISERS)}, got langevine.",
    ),
    ({"algo.contraction": 0}, f"{ALGO}.contraction: must be in (0, 1], got 0.0."),
    ({"algo.contraction": 1.1}, f"{ALGO}.contraction: must be in (0, 1], got 1.1."),
    ({"algo.regulariser_coef": -0.1}, f"{ALGO}.regulariser_coef: must be at least 0, got -0.1."),
    ({"algo.regulariser_scale": 0}, f"{ALGO}.regulariser_scale: must be above 0, got 0.0."),
    ({"algo.ema": 1}, f"{ALGO}.ema: must be in [0, 1), got 1.0."),
    ({"algo.ema": -0.1}, f"{ALGO}.ema: must be in [0, 1), got -0.1."),
    ({"algo.distill_epochs": 0}, f"{ALGO}.distill_epochs: must be at least 1, got 0."),
    ({"algo.distill_epochs": 1.5}, f"{ALGO}.distill_epochs: must be a whole number, got 1.5."),
    ({"algo.distill_minibatches": 0}, f"{ALGO}.distill_minibatches: must be at least 1, got 0."),
    ({"algo.distill_lr": 0}, f"{ALGO}.distill_lr: must be above 0, got 0.0."),
    ({"algo.distill_grad_norm": 0}, f"{ALGO}.distill_grad_norm: must be above 0, got 0.0."),
    ({"algo.distill_threshold": 0}, f"{ALGO}.distill_threshold: must be above 0, got 0.0."),
    (
        {"algo.deployment": "residual"},
        f"{ALGO}.deployment: must be one of {', '.join(DEPLOYMENTS)}, got residual.",
    ),
    ({"algo.deployment": True}, f"{ALGO}.deployment: must be a word, got True."),
    (
        {"algo.regularizer": "none"},
        f"{ALGO}.regularizer: unknown key, did you mean 'regulariser'? {known(AlgoConfig)}",
    ),
    (
        {"algo.compression_coef": 0.01},  # GenPO's
        f"{ALGO}.compression_coef: unknown key, did you mean 'regulariser_coef'? "
        f"{known(AlgoConfig)}",
    ),
    (
        {"model.name": "genpo"},
        "params.model.name: must be cppo with algo.name cppo, got 'genpo'.",
    ),
    ({"network": ABSENT}, "params.network: missing, or not a block of keys."),
    (
        {"network.name": "actor_critic"},
        "params.network.name: 'actor_critic' is rl_games' Gaussian or discrete head; "
        "use cppo_actor_critic, the rest of the block stays as it is.",
    ),
    (
        {"network.mlp": ABSENT},
        "params.network.mlp: missing; rl_games' trunk needs units, activation and initializer.",
    ),
    (
        {"config.bounds_loss_coef": 0.1, "config.bound_loss_type": "soft"},
        "params.config.bound_loss_type: must be bound or regularisation, got 'soft'.",
    ),
    (
        {**ADAPTIVE, "config.kl_threshold": 0},
        "params.config.kl_threshold: lr_schedule adaptive needs a target above 0 (in nats), got 0; "
        "or use lr_schedule: linear or constant.",
    ),
]


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path, CPPO)


@pytest.mark.parametrize("kind", ["agent", "player"])
@pytest.mark.parametrize(("overrides", "message"), BAD, ids=identify)
@pytest.mark.usefixtures("no_environment")
def test_bad_input_is_named_before_an_environment_is_made(rig, overrides, message, kind):
    with pytest.raises(ConfigError) as error:
        getattr(rig, kind)(overrides)
    assert str(error.value) == message


BLOCKS = (ReferenceFlowConfig, ResidualConfig, AlgoConfig)


def test_every_key_has_bad_input_above():
    tried = {key.rsplit(".", 1)[-1] for overrides, _ in BAD for key in overrides}
    ours = {field.name for block in BLOCKS for field in fields(block)}
    assert ours - tried == set()


def test_every_key_is_documented():
    for block in BLOCKS:
        assert all(field.metadata["doc"] for field in fields(block))


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_each_deployment_is_let_through(rig, name):
    assert rig.parsed({"algo.deployment": name}).algo.deployment == name
    assert name in CPPOConfig.deployments


def test_the_ends_of_the_ranges_are_let_through(rig):
    settings = rig.parsed(
        {
            "algo.contraction": 1,
            "algo.ema": 0,
            "algo.regulariser": "none",
            "algo.regulariser_coef": 0,
            "algo.distill_epochs": 1,
            "algo.distill_minibatches": 1,
            "network.flow.steps": 1,
        }
    )
    assert (settings.algo.ema, settings.algo.regulariser_coef, settings.flow.steps) == (0, 0, 1)


def test_strings_as_yaml_reads_them_are_numbers(rig):
    settings = rig.parsed(
        {
            **STANDARD,
            "network.flow.noise_scale": "5e-1",
            "algo.distill_lr": "1e-3",
            "algo.distill_threshold": "5e-1",
            "network.residual.sigma": "5e-1",
            "config.learning_rate": "1e-3",
        }
    )
    assert (settings.algo.distill_lr, settings.algo.distill_threshold) == (1e-3, 0.5)
    assert (settings.residual.sigma, settings.flow.noise_scale) == (0.5, 0.5)


def test_on_features_any_trunk_is_let_through(rig):
    settings = rig.parsed({"network.flow.condition": "features", "network.rnn": LSTM})
    assert settings.flow.condition == "features"


def test_a_users_own_network_name_is_let_through(rig):
    assert rig.parsed({"network.name": "my_actor_critic"}).residual.units == (16,)


def test_the_paper_and_the_reconstruction_are_the_defaults():
    algo, flow, residual = AlgoConfig(), ReferenceFlowConfig(), ResidualConfig()
    assert (algo.regulariser, algo.regulariser_coef, algo.ema) == ("shrinkage", 0.02, 0.5)
    assert (algo.distill_epochs, algo.distill_minibatches) == (4, 4)
    assert (flow.steps, flow.noise_scale, residual.sigma) == (8, 1.0, None)
    assert algo.regulariser_scale == flow.noise_scale  # the step aims at where the flow starts
    assert algorithms()["cppo"].presets["paper"] == {
        "algo.regulariser": "langevin",
        "algo.ema": 0.9,
        "algo.distill_epochs": 15,
        "network.flow.base": "standard",
    }


def test_a_checkpoints_fingerprint_names_what_no_shape_shows(rig):
    assert rig.parsed().fingerprint() == {
        "params.algo.contraction": 0.5,
        "params.network.flow.steps": 3,
        "params.network.flow.base": "gaussian",
        "params.network.flow.condition": None,
        "params.network.flow.activation": "silu",
        "params.network.flow.noise_scale": 1.0,
        "params.network.residual.activation": "silu",
    }


def test_the_summary_says_steps_widths_and_condition(rig):
    assert rig.parsed().summary() == "3 steps, flow [16], residual [16], base gaussian"
    seen = rig.parsed(ON_FEATURES).summary()
    assert seen == "3 steps, flow [16], residual [16], base gaussian on the features"


@pytest.mark.parametrize("slip", ["residul", "residuals", "Residual"])
def test_a_misspelt_block_is_not_ignored(rig, slip):
    with pytest.raises(ConfigError, match=rf"params\.network\.{slip}: .* did you mean 'residual'"):
        rig.parsed({"network.residual": ABSENT, f"network.{slip}": {"sigma": 0.2}})
    rig.parsed({**ON_FEATURES, "network.cnn": CNN, "network.separate": True})
