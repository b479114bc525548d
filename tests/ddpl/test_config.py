"""Every key of DDPL's, with its bad input and what the user is told, before anything is built."""

from dataclasses import fields

import pytest

from rlg_genpo.common.flow_config import ACTIVATION_NAMES
from rlg_genpo.ddpl.config import (
    ActionValueConfig,
    AgentConfig,
    AlgoConfig,
    DiffusionConfig,
)
from rlg_genpo.errors import ConfigError
from tests.ddpl import teams
from tests.genpo.test_config import ADAPTIVE, EVEN, WIDTHS, identify, no_environment  # noqa: F401
from tests.rig import ABSENT, CNN, LSTM, Rig

AGENTS, DIFFUSION = "params.network.agents", "params.network.diffusion"
VALUE, ALGO = "params.network.action_value", "params.algo"
ACTIVATIONS = f"must be one of {', '.join(ACTIVATION_NAMES)}, got mich."


def known(block):
    return "Known keys: " + ", ".join(field.name for field in fields(block)) + "."


def agents(*sizes, **other):
    """An agents: block of (name, obs, act), the last with other values."""
    listed = [dict(zip(("name", "obs", "act"), size, strict=False)) for size in sizes]
    listed[-1].update(other)
    return {"network.agents": listed}


A, C = ("a", 2, 1), ("c", 2, 1)

#: (overrides, the whole message)
BAD = [
    # blocks in the wrong place, or under a slip of their name
    ({"agents": []}, "params.agents: belongs under params.network."),
    ({"diffusion": {}}, "params.diffusion: belongs under params.network."),
    ({"action_value": {}}, "params.action_value: belongs under params.network."),
    ({"network.agent": []}, "params.network.agent: unknown key, did you mean 'agents'?"),
    ({"network.Agents": []}, "params.network.Agents: unknown key, did you mean 'agents'?"),
    ({"network.difusion": {}}, "params.network.difusion: unknown key, did you mean 'diffusion'?"),
    (
        {"network.action_values": {}},
        "params.network.action_values: unknown key, did you mean 'action_value'?",
    ),
    # agents:
    ({"network.agents": 2}, f"{AGENTS}: must be a list, got 2."),
    ({"network.agents": []}, f"{AGENTS}: must be a list of {{name, obs, act}}, got []."),
    ({"network.agents": "two"}, f"{AGENTS}: must be a list, got 'two'."),
    ({"network.agents": ["a"]}, f"{AGENTS}[0]: must be a block of keys, got 'a'."),
    (
        agents(A, ("c", 2)),
        f"{AGENTS}[1].act: missing; D_i, how many action components are its own.",
    ),
    (agents(A, C, obs=0), f"{AGENTS}[1].obs: must be at least 1, got 0."),
    (agents(A, C, act=0.5), f"{AGENTS}[1].act: must be a whole number, got 0.5."),
    (agents(A, C, name=1), f"{AGENTS}[1].name: must be a word, got 1."),
    (agents(A, C, name="a"), f"{AGENTS}[1].name: 'a' is named twice."),
    (agents(A, C, name="c/d"), f"{AGENTS}[1].name: must be a word without '/', got 'c/d'."),
    (agents(A, C, name=""), f"{AGENTS}[1].name: must be a word without '/', got ''."),
    (
        agents(A, C, action=1),
        f"{AGENTS}[1].action: unknown key, did you mean 'act'? {known(AgentConfig)}",
    ),
    # diffusion:
    ({"network.diffusion": 20}, f"{DIFFUSION}: must be a block of keys, got 20."),
    ({"network.diffusion.steps": 1}, f"{DIFFUSION}.steps: must be at least 2, got 1."),
    (
        {"network.diffusion.sampling_steps": 0},
        f"{DIFFUSION}.sampling_steps: must be at least 1, got 0.",
    ),
    (
        {"network.diffusion.steps": 4, "network.diffusion.sampling_steps": 5},
        f"{DIFFUSION}.sampling_steps: 5 is more than steps, 4.",
    ),
    (
        {"network.diffusion.variance": "small"},
        f"{DIFFUSION}.variance: must be one of beta, posterior, got small.",
    ),
    ({"network.diffusion.units": []}, f"{DIFFUSION}.units: {WIDTHS}, got []."),
    ({"network.diffusion.activation": "mich"}, f"{DIFFUSION}.activation: {ACTIVATIONS}"),
    ({"network.diffusion.time_embedding": 5}, f"{DIFFUSION}.time_embedding: {EVEN}, got 5."),
    ({"network.diffusion.time_units": [0]}, f"{DIFFUSION}.time_units: {WIDTHS}, got [0]."),
    (
        {"network.diffusion.output_scale": -1},
        f"{DIFFUSION}.output_scale: must be at least 0, got -1.0.",
    ),
    ({"network.diffusion.spread": 0}, f"{DIFFUSION}.spread: must be above 0, got 0.0."),
    (
        {"network.diffusion.shared_weights": "yes"},
        f"{DIFFUSION}.shared_weights: must be true or false, got 'yes'.",
    ),
    (
        {**agents(("a", 3, 1), ("c", 1, 1)), "network.diffusion.shared_weights": True},
        f"{DIFFUSION}.shared_weights: the agents differ in size (a 3 to 1, c 1 to 1); set it to "
        "False.",
    ),
    (
        {"network.diffusion.step": 20},
        f"{DIFFUSION}.step: unknown key, did you mean 'steps'? {known(DiffusionConfig)}",
    ),
    *(
        (
            {f"network.{trunk}": block},
            f"params.network.{trunk}: a denoiser sees its agent's observation itself and has no "
            "trunk; remove the block.",
        )
        for trunk, block in (("rnn", LSTM), ("cnn", CNN))
    ),
    # action_value:
    ({"network.action_value.units": 64}, f"{VALUE}.units: must be a list, got 64."),
    ({"network.action_value.activation": "mich"}, f"{VALUE}.activation: {ACTIVATIONS}"),
    (
        {"network.action_value.unit": [8]},
        f"{VALUE}.unit: unknown key, did you mean 'units'? {known(ActionValueConfig)}",
    ),
    # algo:
    (
        {"algo.proposals": 1},
        f"{ALGO}.proposals: 1 teaches nothing, since weights normalised over one proposal are all "
        "1; use 8 to 64.",
    ),
    ({"algo.proposals": 0}, f"{ALGO}.proposals: must be at least 1, got 0."),
    ({"algo.proposal_noise": -0.1}, f"{ALGO}.proposal_noise: must be at least 0, got -0.1."),
    ({"algo.proposal_states": 0}, f"{ALGO}.proposal_states: must be in (0, 1], got 0.0."),
    ({"algo.proposal_states": 1.5}, f"{ALGO}.proposal_states: must be in (0, 1], got 1.5."),
    ({"algo.kl_budget": 0}, f"{ALGO}.kl_budget: must be above 0, got 0.0."),
    (
        {"algo.kl_budget": 3, "algo.proposals": 16},
        f"{ALGO}.kl_budget: 3 is out of reach, since the weights of 16 proposals are at most "
        "log K = 2.77 nats from uniform; lower it.",
    ),
    ({"algo.min_temperature": 0}, f"{ALGO}.min_temperature: must be above 0, got 0.0."),
    ({"algo.max_temperature": "hot"}, f"{ALGO}.max_temperature: must be a number, got 'hot'."),
    (
        {"algo.min_temperature": 2, "algo.max_temperature": 2},
        f"{ALGO}.min_temperature: 2 must be below max_temperature, 2.",
    ),
    ({"algo.control_variate": 1.5}, f"{ALGO}.control_variate: must be in [0, 1], got 1.5."),
    ({"algo.control_variate": True}, f"{ALGO}.control_variate: must be a number, got True."),
    ({"algo.tilt_limit": 0}, f"{ALGO}.tilt_limit: must be above 0, got 0.0."),
    ({"algo.value_average": -0.1}, f"{ALGO}.value_average: must be in [0, 1), got -0.1."),
    ({"algo.advantage_limit": 0}, f"{ALGO}.advantage_limit: must be above 0, got 0.0."),
    ({"algo.policy_epochs": 0}, f"{ALGO}.policy_epochs: must be at least 1, got 0."),
    ({"algo.policy_minibatches": 0}, f"{ALGO}.policy_minibatches: must be at least 1, got 0."),
    ({"algo.policy_lr": 0}, f"{ALGO}.policy_lr: must be above 0, got 0.0."),
    ({"algo.value_epochs": 1.5}, f"{ALGO}.value_epochs: must be a whole number, got 1.5."),
    ({"algo.agent_grad_norm": 0}, f"{ALGO}.agent_grad_norm: must be above 0, got 0.0."),
    (
        {"algo.kl_budgets": 0.1},
        f"{ALGO}.kl_budgets: unknown key, did you mean 'kl_budget'? {known(AlgoConfig)}",
    ),
    # the rest of the YAML
    (
        ADAPTIVE,
        "params.config.lr_schedule: adaptive measures a KL, and a diffusion policy has no "
        "likelihood to measure it by; use linear or constant. What an iteration may change is set "
        "by params.algo.kl_budget.",
    ),
    (
        {"model.name": "genpo"},
        "params.model.name: must be ddpl with algo.name ddpl, got 'genpo'.",
    ),
    ({"network": ABSENT}, "params.network: missing, or not a block of keys."),
    (
        {"network.name": "actor_critic"},
        "params.network.name: 'actor_critic' is rl_games' Gaussian or discrete head; "
        "use ddpl_actor_critic, the rest of the block stays as it is.",
    ),
    (
        {"network.mlp": ABSENT},
        "params.network.mlp: missing; rl_games' trunk needs units, activation and initializer.",
    ),
]


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path, teams.overrides((A, C)))


@pytest.mark.parametrize("kind", ["agent", "player"])
@pytest.mark.parametrize(("overrides", "message"), BAD, ids=identify)
@pytest.mark.usefixtures("no_environment")
def test_bad_input_is_named_before_an_environment_is_made(rig, overrides, message, kind):
    with pytest.raises(ConfigError) as error:
        getattr(rig, kind)(overrides)
    assert str(error.value) == message


BLOCKS = (AgentConfig, DiffusionConfig, ActionValueConfig, AlgoConfig)


def test_every_key_has_bad_input_above():
    for path, block in (
        (f"{AGENTS}[1].", AgentConfig),
        (f"{DIFFUSION}.", DiffusionConfig),
        (f"{VALUE}.", ActionValueConfig),
        (f"{ALGO}.", AlgoConfig),
    ):
        tried = {
            message.removeprefix(path).split(":")[0]
            for _, message in BAD
            if message.startswith(path)
        }
        ours = {field.name for field in fields(block)}
        assert ours - tried == set()


def test_every_key_is_documented():
    for block in BLOCKS:
        assert all(field.metadata["doc"] for field in fields(block))


@pytest.mark.parametrize(
    "overrides",
    [
        {"algo.proposal_noise": 0, "algo.proposal_states": 1},
        {"network.diffusion.variance": "posterior", "network.diffusion.sampling_steps": 4},
        {"network.diffusion.shared_weights": True},
        {"network.name": "my_actor_critic"},
        {"network.agents": ABSENT},
        {"config.lr_schedule": "linear"},
    ],
    ids=identify,
)
def test_these_are_let_through(rig, overrides):
    settings = rig.parsed(overrides)
    expected = None if "network.agents" in overrides else (AgentConfig(*A), AgentConfig(*C))
    assert settings.agents == expected


def test_strings_as_yaml_reads_them_are_numbers(rig):
    settings = rig.parsed(
        {"algo.policy_lr": "1e-3", "algo.kl_budget": "5e-2", "network.diffusion.spread": "3e-1"},
    )
    assert (settings.algo.policy_lr, settings.algo.kl_budget) == (1e-3, 0.05)
    assert settings.diffusion.spread == 0.3


def test_the_reconstruction_is_the_default():
    algo, block = AlgoConfig(), DiffusionConfig()
    assert algo.proposals == 16
    assert 0.01 <= algo.kl_budget <= 0.05
    assert (block.steps, block.sampling_steps, block.variance) == (20, None, "beta")
    assert not block.shared_weights


def test_a_checkpoints_fingerprint_names_what_no_shape_shows(rig):
    assert rig.parsed({"network.diffusion.spread": 0.5}).fingerprint() == {
        AGENTS: [{"name": name, "obs": 2, "act": 1} for name in ("a", "c")],
        f"{DIFFUSION}.steps": 4,
        f"{DIFFUSION}.sampling_steps": None,
        f"{DIFFUSION}.variance": "beta",
        f"{DIFFUSION}.activation": "silu",
        f"{DIFFUSION}.spread": 0.5,
        f"{DIFFUSION}.shared_weights": False,
    }


@pytest.mark.parametrize(
    ("overrides", "summary"),
    [
        ({}, "4 steps, denoiser [16]; a (2 to 1), c (2 to 1)"),
        (
            {"network.diffusion.shared_weights": True},
            "4 steps, denoiser [16] shared; a (2 to 1), c (2 to 1)",
        ),
        ({"network.agents": ABSENT}, "4 steps, denoiser [16]; agents from the environment"),
    ],
    ids=["apart", "shared", "open"],
)
def test_the_summary_says_steps_widths_and_who(rig, overrides, summary):
    assert rig.parsed(overrides).summary() == summary


@pytest.mark.parametrize("block", ["flow", "residual"])
def test_another_policys_block_is_refused(rig, block):
    with pytest.raises(ConfigError, match=rf"params\.network\.{block}: is a block of .*cppo"):
        rig.parsed({f"network.{block}": {}})


def test_a_removed_option_is_read_where_it_says_what_holds_anyway(tmp_path):
    rig = Rig(tmp_path, teams.overrides())
    old = {"algo.weights": "marginal", "algo.proposal": "policy", "algo.weight_limit": 20.0}
    assert rig.parsed(old) == rig.parsed()
    with pytest.raises(ConfigError) as error:
        rig.parsed({"algo.weights": "joint_advantage"})
    assert str(error.value) == (
        "params.algo.weights: was removed, and 'joint_advantage' with it; what 'marginal' did is "
        "left. Delete the line."
    )
