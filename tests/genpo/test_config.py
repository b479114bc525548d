"""Every key of ours, with its bad input and what the user is told, before anything is built."""

from dataclasses import fields

import pytest
from rl_games.common import vecenv

from rlg_genpo.algorithm import algorithms
from rlg_genpo.common.flow_config import ACTIVATION_NAMES
from rlg_genpo.common.layers import ACTIVATIONS
from rlg_genpo.errors import ConfigError
from rlg_genpo.genpo.config import (
    MAX_ERROR_GROWTH,
    AlgoConfig,
    CoupledFlowConfig,
    error_growth,
)
from tests.rig import ABSENT, CNN, CPPO, LSTM

FLOW, ALGO, CONFIG = "params.network.flow", "params.algo", "params.config"
EVEN = "must be even and at least 2"
WIDTHS = "must be a list of one or more layer widths, each at least 1"
ADAPTIVE = {"config.lr_schedule": "adaptive"}

#: (overrides, the whole message)
BAD = [
    ({"network.flow.steps": 0}, f"{FLOW}.steps: must be at least 1, got 0."),
    ({"network.flow.steps": 2.5}, f"{FLOW}.steps: must be a whole number, got 2.5."),
    ({"network.flow.steps": True}, f"{FLOW}.steps: must be a whole number, got True."),
    ({"network.flow.mix": 0}, f"{FLOW}.mix: must be in (0, 1], got 0.0."),
    ({"network.flow.mix": 1.5}, f"{FLOW}.mix: must be in (0, 1], got 1.5."),
    ({"network.flow.mix": "most"}, f"{FLOW}.mix: must be a number, got 'most'."),
    (
        {"network.flow.memory": "forget"},
        f"{FLOW}.memory: must be one of store, recompute, got forget.",
    ),
    (
        {"network.flow.condition": "state"},
        f"{FLOW}.condition: must be one of features, observation, got state.",
    ),
    (
        {"network.flow.base": "normal"},
        f"{FLOW}.base: must be one of gaussian, standard, got normal.",
    ),
    ({"network.flow.units": []}, f"{FLOW}.units: {WIDTHS}, got []."),
    ({"network.flow.units": 64}, f"{FLOW}.units: must be a list, got 64."),
    (
        {"network.flow.activation": "mich"},
        f"{FLOW}.activation: must be one of {', '.join(ACTIVATION_NAMES)}, got mich.",
    ),
    (
        {"network.flow.time_embedding": 0},
        f"{FLOW}.time_embedding: {EVEN}, got 0.",
    ),
    (
        {"network.flow.time_embedding": 5},
        f"{FLOW}.time_embedding: {EVEN}, got 5.",
    ),
    ({"network.flow.time_units": [8, 0]}, f"{FLOW}.time_units: {WIDTHS}, got [8, 0]."),
    ({"network.flow.output_scale": -1}, f"{FLOW}.output_scale: must be at least 0, got -1.0."),
    (
        {"network.flow.step": 5},
        f"{FLOW}.step: unknown key, did you mean 'steps'? Known keys: "
        + ", ".join(field.name for field in fields(CoupledFlowConfig))
        + ".",
    ),
    ({"network.flow": 5}, f"{FLOW}: must be a block of keys, got 5."),
    (
        {"network.flow.condition": "observation", "network.rnn": LSTM},
        f"{FLOW}.condition: 'observation' leaves the policy without the params.network.rnn trunk; "
        "use condition: features.",
    ),
    (
        {"network.flow.condition": "observation", "network.cnn": CNN},
        f"{FLOW}.condition: 'observation' leaves the policy without the params.network.cnn trunk; "
        "use condition: features.",
    ),
    ({"algo.compression_coef": -1}, f"{ALGO}.compression_coef: must be at least 0, got -1.0."),
    (
        {"algo.cross_entropy_coef": -1},
        f"{ALGO}.cross_entropy_coef: must be at least 0, got -1.0.",
    ),
    (
        {"algo.compression": "cubed"},
        f"{ALGO}.compression: must be one of squared, norm, got cubed.",
    ),
    (
        {"algo.compression_fraction": 0},
        f"{ALGO}.compression_fraction: must be in (0, 1], got 0.0.",
    ),
    ({"algo.min_lr": 0}, f"{ALGO}.min_lr: must be above 0, got 0.0."),
    ({"algo.max_lr": False}, f"{ALGO}.max_lr: must be a number, got False."),
    ({"algo.max_lr": 0}, f"{ALGO}.max_lr: must be above 0, got 0.0."),
    (
        {"algo.compresion_coef": 0.1},
        f"{ALGO}.compresion_coef: unknown key, did you mean 'compression_coef'? Known keys: "
        + ", ".join(field.name for field in fields(AlgoConfig))
        + ".",
    ),
    (
        {"model.name": "continuous_a2c_logstd"},
        "params.model.name: must be genpo with algo.name genpo, got 'continuous_a2c_logstd'.",
    ),
    ({"model": ABSENT}, "params.model: missing, or not a block of keys."),
    (
        {"network.name": "actor_critic"},
        "params.network.name: 'actor_critic' is rl_games' Gaussian or discrete head; "
        "use genpo_actor_critic, the rest of the block stays as it is.",
    ),
    ({"network": ABSENT}, "params.network: missing, or not a block of keys."),
    (
        {"config.learning_rate": "quick"},
        f"{CONFIG}.learning_rate: must be a number, got 'quick'.",
    ),
    ({"config.learning_rate": 0}, f"{CONFIG}.learning_rate: must be above 0, got 0.0."),
    ({"config.learning_rate": True}, f"{CONFIG}.learning_rate: must be a number, got True."),
    (
        {"config.learning_rate": ABSENT},
        f"{CONFIG}.learning_rate: missing; the rate, or that at the start.",
    ),
    (
        {"config.lr_schedule": "adaptiv"},
        f"{CONFIG}.lr_schedule: must be adaptive, linear or constant, got adaptiv.",
    ),
    (
        {"config.schedule_type": "modern"},
        f"{CONFIG}.schedule_type: must be legacy or standard, got modern.",
    ),
    *(
        (
            {**ADAPTIVE, "config.kl_threshold": threshold},
            f"{CONFIG}.kl_threshold: lr_schedule adaptive needs a target above 0 (in nats), "
            f"got {shown}; or use lr_schedule: linear or constant.",
        )
        for threshold, shown in ((0, "0"), (-0.01, "-0.01"), (ABSENT, "None"))
    ),
    (
        {**ADAPTIVE, "config.kl_threshold": "low"},
        f"{CONFIG}.kl_threshold: must be a number, got 'low'.",
    ),
    (
        {**ADAPTIVE, "config.learning_rate": 1e-7},
        f"{CONFIG}.learning_rate: 1e-07 must lie in [params.algo.min_lr, params.algo.max_lr] = "
        "[1e-06, 0.01].",
    ),
    (
        {**ADAPTIVE, "config.learning_rate": 1e-7, "algo.max_lr": None},
        f"{CONFIG}.learning_rate: 1e-07 must lie in [params.algo.min_lr, params.algo.max_lr] = "
        "[1e-06, 1e-07].",
    ),
    (
        {**ADAPTIVE, "algo.max_lr": 5e-4},
        f"{CONFIG}.learning_rate: 0.001 must lie in [params.algo.min_lr, params.algo.max_lr] = "
        "[1e-06, 0.0005].",
    ),
]


def identify(part):
    """A test's name: the last override; the message needs none."""
    if isinstance(part, str):
        return ""
    return next(f"{key}={value!r:.20}" for key, value in reversed(part.items()))


@pytest.fixture
def no_environment(monkeypatch):
    """Fails the test if anything makes an environment."""

    def refuse(*args, **kwargs):
        pytest.fail("an environment was made before the configuration was checked")

    monkeypatch.setattr(vecenv, "create_vec_env", refuse)


@pytest.mark.parametrize("kind", ["agent", "player"])
@pytest.mark.parametrize(("overrides", "message"), BAD, ids=identify)
@pytest.mark.usefixtures("no_environment")
def test_bad_input_is_named_before_an_environment_is_made(rig, overrides, message, kind):
    with pytest.raises(ConfigError) as error:
        getattr(rig, kind)(overrides)
    assert str(error.value) == message


def test_every_key_has_bad_input_above():
    tried = {key.rsplit(".", 1)[-1] for overrides, _ in BAD for key in overrides}
    ours = {field.name for block in (CoupledFlowConfig, AlgoConfig) for field in fields(block)}
    assert ours - tried == set()


@pytest.mark.parametrize("steps", [5, 10, 20, 50])
@pytest.mark.usefixtures("no_environment")
def test_a_mix_too_small_for_the_steps_is_refused_with_one_that_works(rig, steps):
    least = MAX_ERROR_GROWTH ** (-1 / (2 * steps))
    low = least - 0.02
    with pytest.raises(ConfigError) as error:
        rig.agent({"network.flow.steps": steps, "network.flow.mix": low})
    message = str(error.value)
    assert message.startswith(
        f"{FLOW}.mix: {low:g} with {steps} steps amplifies float32's rounding by mix**(-2*steps) = "
        f"{error_growth(steps, low):.1e} in the inverse; at most 1e+04 is allowed. Use mix >= "
    )
    advised = float(message.split("Use mix >= ")[1].split(",")[0])
    assert advised == pytest.approx(least, abs=0.01)
    settings = rig.parsed({"network.flow.steps": steps, "network.flow.mix": advised})
    assert settings.flow.mix == advised


@pytest.mark.parametrize(("steps", "mix"), [(5, 1e-40), (20_000, 0.9)])
def test_a_growth_beyond_all_numbers_is_refused_too(rig, steps, mix):
    with pytest.raises(ConfigError, match=r"params\.network\.flow\.mix"):
        rig.parsed({"network.flow.steps": steps, "network.flow.mix": mix})


def test_strings_as_yaml_reads_them_are_numbers(rig):
    algo = rig.parsed(
        {
            **ADAPTIVE,
            "config.learning_rate": "1e-3",
            "config.kl_threshold": "2e-2",
            "algo.min_lr": "1e-4",
            "algo.max_lr": "1e-2",
        }
    ).algo
    assert (algo.min_lr, algo.max_lr) == (1e-4, 1e-2)


@pytest.mark.parametrize("policy", [{"algo.min_lr": "1e-4", "algo.max_lr": "1e-3"}, CPPO])
def test_a_whole_training_run_takes_numbers_as_strings(rig, policy):
    given = {"config.learning_rate": "1e-3", "config.kl_threshold": "2e-2"}
    run = rig.train({**ADAPTIVE, **policy, **given})
    again = rig.train({**ADAPTIVE, **policy, **{key: float(given[key]) for key in given}})
    assert [step.rate for step in run.steps] == [step.rate for step in again.steps]
    assert run.agent.last_lr == again.agent.last_lr and run.agent.epoch_num == 2


def test_bounds_matter_only_to_the_adaptive_schedule(rig):
    settings = rig.parsed({"config.learning_rate": 1e-7, "config.kl_threshold": ABSENT})
    assert settings.algo.min_lr == 1e-6


@pytest.mark.parametrize(
    ("key", "other", "left"), [("adapt", "epoch", "call"), ("kl_estimator", "plain", "nonnegative")]
)
def test_a_removed_option_is_read_where_it_says_what_holds_anyway(rig, key, other, left):
    assert rig.parsed({f"algo.{key}": left}).algo == rig.parsed().algo
    with pytest.raises(ConfigError) as error:
        rig.parsed({f"algo.{key}": other})
    assert str(error.value) == (
        f"{ALGO}.{key}: was removed, and {other!r} with it; what {left!r} did is left. Delete the "
        "line."
    )


def test_the_presets_start_where_they_say(rig):
    """The paper's on standard noise, within its bounds; the defaults as the Gaussian."""
    presets = algorithms()["genpo"].presets
    paper = rig.parsed({**presets["paper"], "config.learning_rate": 1e-3})
    assert (paper.flow.base, paper.algo.compression_coef) == ("standard", 0.01)
    assert paper.rate_bounds() == (1e-5, None) and paper.departs() == f"{FLOW}.base: standard"
    assert rig.parsed().departs() is None


def test_a_users_own_network_name_is_let_through(rig):
    assert rig.parsed({"network.name": "my_actor_critic"}).flow.steps == 3


def test_the_names_of_activations_are_those_that_exist():
    assert set(ACTIVATION_NAMES) == set(ACTIVATIONS)


def test_every_key_is_documented():
    for block in (CoupledFlowConfig, AlgoConfig):
        assert all(field.metadata["doc"] for field in fields(block))


@pytest.mark.parametrize("slip", ["flwo", "flows", "Flow"])
def test_a_misspelt_block_of_ours_is_not_ignored(rig, slip):
    with pytest.raises(ConfigError, match=rf"params\.network\.{slip}: .* did you mean 'flow'"):
        rig.parsed({"network.flow": ABSENT, f"network.{slip}": {"steps": 3}})
    rig.parsed({"network.cnn": CNN, "network.separate": True, "network.flow": {}})
