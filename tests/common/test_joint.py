"""Agents joined into one: the wrapper against the adapter's own layout, on torch and on numpy."""

import numpy as np
import pytest
import torch
from rl_games.common.ivecenv import IVecEnv

from rlg_genpo.common.joint import JointEnv, made
from rlg_genpo.errors import ConfigError
from rlg_genpo.host.compat import spaces


class Counting(IVecEnv):
    """Two environments of three agents; every row shows its own number."""

    def __init__(self, shape=(1,), agents=3, convert=np.asarray):
        self.info = {
            "observation_space": spaces.Box(-9.0, 9.0, shape),
            "action_space": spaces.Box(np.float32([-1, -2]), np.float32([1, 2]), dtype=np.float32),
            "agents": agents,
            "value_size": 1,
        }
        self.convert, self.calls, self.closed = convert, [], False

    def get_env_info(self):
        return self.info

    def reset(self):
        return self.convert(np.arange(6.0).reshape(6, 1))

    def step(self, actions):
        self.calls.append(actions)
        flags = np.array([True, False, True, True, True, True])
        dones = np.array([0, 1, 0, 0, 0, 0], dtype=np.uint8)
        rewards = np.array([1, 2, 6, 0, 0, 3])
        infos = {"time_outs": flags, "worth": rewards, "note": "a word", "few": np.zeros(2)}
        infos = {k: self.convert(v) if k != "note" else v for k, v in infos.items()}
        return self.reset(), self.convert(rewards), self.convert(dones), infos

    def seed(self, seed):
        self.calls.append(("seed", seed))

    def set_train_info(self, env_frames, *args, **kwargs):
        self.calls.append(("frames", env_frames, args))

    def get_env_state(self):
        return {"a": 1}

    def set_env_state(self, env_state):
        self.calls.append(env_state)

    def close(self):
        self.closed = True


@pytest.mark.parametrize("convert", [np.asarray, torch.as_tensor])
def test_rows_become_environments(convert):
    inner = Counting(convert=convert)
    env = JointEnv(inner)
    assert env.reset().tolist() == [[0, 1, 2], [3, 4, 5]]
    obs, rewards, dones, infos = env.step(convert(np.arange(12.0).reshape(2, 6)))
    assert inner.calls[0].tolist() == np.arange(12.0).reshape(6, 2).tolist()
    assert type(obs) is type(rewards) is type(dones) is type(inner.reset())
    assert rewards.tolist() == [3.0, 1.0]
    assert [bool(done) for done in dones] == [True, False]
    assert infos["time_outs"].tolist() == [False, True]
    assert infos["worth"].tolist() == [3.0, 1.0]
    assert (infos["note"], len(infos["few"])) == ("a word", 2)


def test_the_spaces_are_repeated_for_every_agent():
    info = JointEnv(Counting()).get_env_info()
    assert info["agents"] == 1
    assert info["observation_space"].shape == (3,)
    assert info["action_space"].high.tolist() == [1, 2, 1, 2, 1, 2]
    assert info["agent_sizes"] == (("agent_0", 1, 2), ("agent_1", 1, 2), ("agent_2", 1, 2))


def test_states_pass_as_they_are():
    class Stateful(Counting):
        def reset(self):
            return {"obs": super().reset(), "states": np.ones((2, 7))}

    seen = JointEnv(Stateful()).reset()
    assert (seen["obs"].shape, seen["states"].shape) == ((2, 3), (2, 7))


def test_the_rest_is_the_wrapped_environments():
    inner = Counting()
    env = JointEnv(inner)
    env.seed(3)
    env.set_train_info(5, "agent")
    env.set_env_state(env.get_env_state())
    env.close()
    assert inner.calls == [("seed", 3), ("frames", 5, ("agent",)), {"a": 1}]
    assert inner.closed
    assert (env.has_action_masks(), env.get_number_of_agents()) == (False, 1)


def test_a_single_agent_stays_as_it_is():
    one, several = Counting(agents=1), Counting()
    for env, kind in ((one, Counting), (several, JointEnv)):
        params = made({"config": {"vec_env": env, "env_info": env.get_env_info()}}, joined=True)
        assert isinstance(params["config"]["vec_env"], kind)


def test_pictures_are_not_joined():
    with pytest.raises(ConfigError, match="observations are no vectors"):
        JointEnv(Counting(shape=(3, 4, 4)))


def test_it_agrees_with_the_adapters_own_joint_layout():
    pytest.importorskip("vmas")
    from rlg_genpo.envs.vmas import VmasEnv

    options = {"scenario": "navigation", "seed": 2, "max_steps": 3, "states": True}
    options["options"] = {"shared_rew": False}
    acted = torch.rand(7, 5, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    courses = []
    # One after the other: VMAS has one sequence of random numbers for all its environments.
    for make in (
        lambda: JointEnv(VmasEnv(5, options)),
        lambda: VmasEnv(5, options | {"joint": True}),
    ):
        env = make()
        first = env.reset()
        env.set_train_info(0)
        steps = [env.step(actions) for actions in acted]
        courses.append((env.get_env_info(), first, steps))
    (wrapped, first, steps), (own, first_own, steps_own) = courses
    assert wrapped["agent_sizes"] == own["agent_sizes"]
    assert wrapped["action_space"] == own["action_space"]
    for name in ("obs", "states"):
        assert torch.equal(first[name], first_own[name])
    for (obs, reward, done, infos), other in zip(steps, steps_own, strict=True):
        assert torch.equal(obs["obs"], other[0]["obs"])
        assert torch.equal(obs["states"], other[0]["states"])
        assert torch.equal(reward, other[1])
        assert torch.equal(done, other[2])
        assert torch.equal(infos["time_outs"], other[3]["time_outs"])
    assert any(done.any() and not done.all() for _, _, done, _ in steps)
