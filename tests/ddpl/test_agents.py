"""Where the agents' sizes come from, and what is said where they do not fit."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rlg_genpo.common.joint import JointEnv, made
from rlg_genpo.ddpl import agents as agents_of_ddpl
from rlg_genpo.ddpl.config import (
    ActionValueConfig,
    AgentConfig,
    AlgoConfig,
    DDPLConfig,
    DiffusionConfig,
)
from rlg_genpo.errors import ConfigError
from rlg_genpo.host.compat import spaces
from tests import point_mass
from tests.ddpl import teams
from tests.rig import Rig

AGENTS = "params.network.agents"
SIZES = (("hand", 3, 2), ("finger", 1, 1))
NAMED = tuple(AgentConfig(*size) for size in SIZES)


def info(obs=4, act=3, **more):
    return {
        "observation_space": point_mass.box(obs) if isinstance(obs, int) else obs,
        "action_space": spaces.Box(-1.0, 1.0, (act,)),
        **more,
    }


def settings_of(agents=None, **diffusion):
    agents = agents and tuple(AgentConfig(*sizes) for sizes in agents)
    return DDPLConfig(AlgoConfig(), agents, DiffusionConfig(**diffusion), ActionValueConfig())


def case(env_info, agents=None, env=None, **diffusion):
    """Settings, and what they are resolved by."""
    return settings_of(agents, **diffusion), env_info, env


def task(wrappers=("env",)):
    """Isaac Lab's multi-agent environment under some wrappers."""
    env = SimpleNamespace(
        possible_agents=["hand", "finger"],
        observation_spaces={"finger": point_mass.box(1), "hand": point_mass.box(3)},
        action_spaces={"finger": spaces.Box(-1, 1, (1,)), "hand": spaces.Box(-1, 1, (2,))},
    )
    for name in wrappers:
        env = SimpleNamespace(**{name: env})
    return env


def settled(params, settings):
    """What an agent and a player receive."""
    params = made(params, joined=True)
    config = params["config"]
    return params, settings.resolve(config["env_info"], config.get("vec_env"))


def refused(settings, *environment):
    with pytest.raises(ConfigError) as error:
        settings.resolve(*environment)
    return str(error.value)


@pytest.mark.parametrize(
    "given",
    [
        case(info(agent_sizes=SIZES)),
        case(info(), env=task(())),
        case(info(), env=task(("env",))),
        case(info(), env=task(("unwrapped", "env"))),
        case(info(), env=task(("env", "unwrapped", "env", "env"))),
        case(info(), agents=SIZES),
        case(info(agent_sizes=SIZES), agents=SIZES),
        case(info(), agents=SIZES, env=SimpleNamespace(env=object())),
    ],
    ids=["info", "bare", "env", "unwrapped", "deep", "yaml", "both", "no_task"],
)
def test_the_agents_are_the_same_wherever_they_are_named(given):
    settings, *environment = given
    assert settings.resolve(*environment) == settings_of(SIZES)


def test_the_environments_own_word_comes_before_its_wrappers():
    assert agents_of_ddpl.sizes_of(info(agent_sizes=SIZES[:1]), task()) == NAMED[:1]


def test_agents_stand_in_the_order_of_possible_agents():
    env = task()
    assert agents_of_ddpl.sizes_of(info(), env) == NAMED
    env.env.possible_agents.reverse()
    assert agents_of_ddpl.sizes_of(info(), env) == NAMED[::-1]


def test_spaces_of_several_dimensions_are_counted_whole():
    env = task(())
    env.observation_spaces["hand"] = spaces.Box(-np.inf, np.inf, (2, 3))
    sizes = agents_of_ddpl.sizes_of(info(), env)
    assert sizes[0] == AgentConfig("hand", 6, 2) and type(sizes[0].obs) is int


def test_an_environment_that_wraps_itself_is_no_endless_search():
    env = SimpleNamespace()
    env.unwrapped = env
    assert agents_of_ddpl.multi_agent_task(env) is None
    assert agents_of_ddpl.multi_agent_task(None) is None
    first, second = SimpleNamespace(), SimpleNamespace()
    first.env, second.env = second, first
    assert agents_of_ddpl.multi_agent_task(first) is None


def test_agents_that_nobody_names_are_asked_for():
    assert refused(*case(info())) == (
        f"{AGENTS}: missing, and the environment does not say which of its 4 observations and 3 "
        "action components are whose; list each agent's {name, obs, act} in order."
    )


@pytest.mark.parametrize(
    "other",
    [(("finger", 1, 1), ("hand", 3, 2)), (("hand", 2, 2), ("finger", 2, 1)), (("all", 4, 3),)],
    ids=["order", "sizes", "one"],
)
def test_a_yaml_that_differs_from_the_environment_is_refused(other):
    shown = ", ".join(f"{name} (obs {obs}, act {act})" for name, obs, act in other)
    assert refused(*case(info(agent_sizes=SIZES), agents=other)) == (
        f"{AGENTS}: {shown}; the environment has hand (obs 3, act 2), finger (obs 1, act 1). "
        "List these, or leave the block out."
    )


@pytest.mark.parametrize(
    ("obs", "act", "message"),
    [
        (5, 3, "obs, 3 + 1 = 4, must add up to the environment's 5 observations."),
        (4, 2, "act, 2 + 1 = 3, must add up to the environment's 2 action components."),
    ],
)
@pytest.mark.parametrize("source", ["yaml", "info", "task"])
def test_slices_must_add_up_whoever_names_them(obs, act, message, source):
    given = {
        "yaml": case(info(obs, act), agents=SIZES),
        "info": case(info(obs, act, agent_sizes=SIZES)),
        "task": case(info(obs, act), env=task()),
    }[source]
    assert refused(*given) == f"{AGENTS}: the agents' {message}"


@pytest.mark.parametrize(
    "space",
    [spaces.Box(0, 255, (8, 8, 1), np.uint8), spaces.Dict({"speed": point_mass.box(4)})],
    ids=["image", "dict"],
)
def test_only_a_vector_has_slices(space):
    assert refused(*case(info(space), agents=SIZES)) == (
        f"{AGENTS}: the agents' slices need a flat observation vector, the environment's "
        f"observation is {space}."
    )


def test_shared_weights_are_checked_against_the_environments_agents():
    found = refused(*case(info(agent_sizes=SIZES), shared_weights=True))
    assert found == (
        "params.network.diffusion.shared_weights: the agents differ in size (hand 3 to 2, finger 1 "
        "to 1); set it to False."
    )


def params(**config):
    return {"config": config}


def named(agents):
    config = {"agents": agents}
    return params(env_name=point_mass.NAME, num_actors=3, env_config=config)


def test_native_agents_are_joined_and_the_users_params_left_as_they_were():
    given = named(2)
    joined, settings = settled(given, settings_of())
    assert given == named(2)
    block = joined["config"]
    assert isinstance(block["vec_env"], JointEnv)
    assert block["env_info"]["agents"] == 1
    assert block["env_info"]["observation_space"].shape == (8,)
    assert settings == settings_of([("agent_0", 4, 2), ("agent_1", 4, 2)])
    assert block["vec_env"].reset().shape == (3, 8)


def test_one_agent_is_left_as_it_is():
    joined, settings = settled(named(1), settings_of([("all", 4, 2)]))
    block = joined["config"]
    assert isinstance(block["vec_env"], point_mass.PointMass) and block["env_info"]["agents"] == 1
    assert settings == settings_of([("all", 4, 2)])


def test_environments_that_stand_already_are_not_made_again():
    env = point_mass.PointMass(3, agents=2)
    given = params(env_name="nobody's", vec_env=env, env_info=env.get_env_info())
    joined, settings = settled(given, settings_of())
    assert joined["config"]["vec_env"].vec_env is env
    again, same = settled(joined, settings)
    assert again["config"]["vec_env"] is joined["config"]["vec_env"] and same == settings


@pytest.mark.parametrize("kind", ["agent", "player"])
def test_agent_and_player_find_the_agents_by_themselves(tmp_path, kind):
    made = getattr(Rig(tmp_path, teams.NATIVE), kind)({"config.num_actors": 16})
    assert made.model.policy.observations.sizes == (4, 4)
    assert made.model.policy.actions.sizes == (2, 2)
    assert [agent.name for agent in made.settings.agents] == ["agent_0", "agent_1"]


@pytest.mark.parametrize("kind", ["agent", "player"])
def test_agent_and_player_refuse_slices_that_do_not_add_up(tmp_path, kind):
    rig = Rig(tmp_path, teams.overrides([("near", 3, 1), ("far", 2, 1)]))
    with pytest.raises(ConfigError, match=r"obs, 3 \+ 2 = 5, must add up to the environment's 4"):
        getattr(rig, kind)()
    assert torch.get_default_dtype() == torch.float32
