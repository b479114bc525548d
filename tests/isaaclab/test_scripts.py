"""Isaac Lab's scripts, by stand-ins with their order of imports, train, resume and play us.

The wrapper, the resolvers, the tasks' specs and the PBT observer are Isaac Lab's own.
"""

import math
import zipfile

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rlg_genpo import cli
from rlg_genpo.isaaclab.tasks import agent_key
from tests.isaaclab.conftest import ON_CPU, Lab
from tests.isaaclab.test_sources import CLASSIC, SOURCES
from tests.test_packaging import wheel  # noqa: F401

pytestmark = pytest.mark.slow

GENPO = ("--agent", "rl_games_genpo_cfg_entry_point")
CPPO = ("--agent", "rl_games_cppo_cfg_entry_point")
DDPL = ("--agent", "rl_games_ddpl_cfg_entry_point")
#: Hydra overrides of our own keys that make a policy small
SMALL = (
    "--num_envs",
    "8",
    *ON_CPU,
    "agent.params.network.flow.steps=2",
    "agent.params.network.flow.units=[16]",
)
#: the stock task with Isaac Lab's own settings, and with the paper's
ANT = ("--task", "Isaac-Ant-v0", *GENPO, *SMALL)
PAPER = ("--task", "Isaac-Ant-v0", "--agent", agent_key("genpo_paper"), *SMALL)
#: conditional PPO with Isaac Lab's own settings, made small in the same way
ANT_CPPO = (
    "--task",
    "Isaac-Ant-v0",
    *CPPO,
    "--num_envs",
    "8",
    *ON_CPU,
    "agent.params.network.flow.steps=2",
    "agent.params.network.residual.units=[16]",
    "agent.params.algo.distill_epochs=2",
)
LSTM = (
    "--task",
    "Isaac-Repose-Cube-Shadow-OpenAI-LSTM-Direct-v0",
    *GENPO,
    "--num_envs",
    "8",
    *ON_CPU,
    "agent.params.network.rnn.units=16",
    "agent.params.config.central_value_config.network.rnn.units=16",
)
MINE = {"STAND_IN_EXTENSION": "my_tasks"}
TWO_AGENTS = ("--task", "My-Two-Agents-v0", *DDPL, "--num_envs", "8")


def scalars(lab):
    (folder,) = lab.folder.glob("logs/**/summaries")
    events = EventAccumulator(str(folder)).Reload()
    return {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}


@pytest.mark.parametrize("script", ["train_2", "train_3"])
def test_a_stock_task_trains_resumes_and_plays(lab, script):
    said = lab.run(script, *ANT, "--max_iterations", "2")
    assert "MAX EPOCHS NUM!" in said and "is not registered" not in said
    seen = scalars(lab)
    assert len(seen["genpo/kl_plain"]) == 2
    assert "Episode/Episode_Reward/mean" in seen
    lab.run(script, *ANT, "--max_iterations", "3", "--checkpoint", lab.checkpoint(2))
    lab.checkpoint(3)
    said = lab.run("play", *ANT, "--checkpoint", lab.checkpoint(3), STAND_IN_STEPS="12")
    assert "PLAYED steps=12 action=(8, 8)" in said


def test_the_papers_settings_train_resume_and_play(lab):
    lab.run("train_2", *PAPER, "--max_iterations", "1")
    lab.run("train_2", *PAPER, "--max_iterations", "2", "--checkpoint", lab.checkpoint(1))
    said = lab.run("play", *PAPER, "--checkpoint", lab.checkpoint(2))
    assert "PLAYED steps=20 action=(8, 8)" in said
    # Its policy is another one than that of the other file.
    said = lab.run("play", *ANT, "--checkpoint", lab.checkpoint(2), ok=False)
    assert "params.network.flow.base: the checkpoint's policy was trained with standard" in said


def test_a_stock_gaussian_is_swapped_and_goes_on_as_genpo(lab):
    stock = ("--task", "Isaac-Ant-v0", "--num_envs", "8", *ON_CPU)
    fitting = "agent.params.config.minibatch_size=64"
    lab.run("train_2", *stock, "--max_iterations", "1", fitting)
    assert SOURCES is not None
    gaussian = SOURCES / CLASSIC / "ant" / "agents" / "rl_games_ppo_cfg.yaml"
    mine = lab.folder / "mine.yaml"
    words = ["--out", str(mine), "--checkpoint", lab.checkpoint(1)]
    assert cli.main(["swap", str(gaussian), *words]) == 0
    weights = str(mine.with_suffix(".pth"))
    said = lab.run("train_2", *stock, *GENPO, "--max_iterations", "2", "--checkpoint", weights)
    assert "MAX EPOCHS NUM!" in said
    trained = torch.load(weights, weights_only=False)["model"]
    (last,) = lab.folder.glob("logs/rl_games/ant_genpo/**/last_*_ep_2_*.pth")
    now = torch.load(last, weights_only=False)["model"]
    # Its trunk went on from the Gaussian's, by a few steps.
    moved = [(now[name] - value).abs().max() for name, value in trained.items() if "mlp" in name]
    assert 0 < max(moved) < 0.1


def test_an_installed_wheel_does_the_same(wheel, tmp_path, warm):  # noqa: F811
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    lab = Lab(tmp_path, warm, first_on_path=str(site))
    where = lab.python("-c", "import rlg_genpo; print(rlg_genpo.__file__)").stdout
    assert where.startswith(str(site))
    said = lab.run("train_2", *ANT, "--max_iterations", "1", fresh=True)
    assert f"{site}/rlg_genpo/task_configs/isaaclab/ant_genpo.yaml" in said
    lab.checkpoint(1)


def test_the_launcher_runs_an_unmodified_script(lab):
    lab.run("train_2", *ANT, "--max_iterations", "1", launcher=True, fresh=True)
    lab.checkpoint(1)


def test_the_launcher_wants_a_script_first(lab):
    for words in ((), ("--task", "T", "train.py")):
        done = lab.python("-m", "rlg_genpo.isaaclab", *words)
        assert done.returncode == 2
        assert "path" in done.stderr and "train.py" in done.stderr


def test_without_a_base_sigma_is_refused_in_words_and_does_not_stop_the_run(lab):
    said = lab.run("train_2", *PAPER, "--max_iterations", "1", "--sigma", "0.3")
    assert "sigma: 0.3 is ignored: this policy is no Gaussian" in said
    lab.checkpoint(1)


SIGMA = -2.0  # rl_games fills it into the logarithm


def test_genpo_trains_from_a_given_sigma(lab):
    said = lab.run("train_2", *ANT, "--max_iterations", "1", f"--sigma={SIGMA}")
    assert "MAX EPOCHS NUM!" in said and "is ignored" not in said
    (measured,) = scalars(lab)["genpo/sigma"]
    # Adam moves a parameter by little more than its rate in each of the epoch's eight steps.
    assert math.log(measured.value) == pytest.approx(SIGMA, abs=8 * 2 * 0.01)


def test_cppo_trains_from_a_given_sigma_resumes_and_plays_as_deployed(lab):
    said = lab.run("train_2", *ANT_CPPO, "--max_iterations", "1", f"--sigma={SIGMA}")
    assert "MAX EPOCHS NUM!" in said and "is ignored" not in said
    (measured,) = scalars(lab)["cppo/kernel_sigma"]
    # The kernel has its share of the base's variance, kappa (2 - kappa) with kappa = 1/2.
    start = SIGMA + 0.5 * math.log(0.75)
    assert math.log(measured.value) == pytest.approx(start, abs=8 * 2 * 0.01)
    lab.run("train_2", *ANT_CPPO, "--max_iterations", "2", "--checkpoint", lab.checkpoint(1))
    said = lab.run("play", *ANT_CPPO, "--checkpoint", lab.checkpoint(2))
    assert "PLAYED steps=20 action=(8, 8)" in said
    deployed = "agent.params.algo.deployment=flow_ema"
    said = lab.run("play", *ANT_CPPO, deployed, "--checkpoint", lab.checkpoint(2))
    assert "PLAYED steps=20 action=(8, 8)" in said


def test_an_lstm_with_an_asymmetric_critic_trains_resumes_and_plays(lab):
    said = lab.run("train_2", *LSTM, "--max_iterations", "1")
    assert "RunningMeanStd:  (8,)" in said  # the actor's observation
    assert "RunningMeanStd:  (17,)" in said  # the critic's state
    lab.run("train_2", *LSTM, "--max_iterations", "2", "--checkpoint", lab.checkpoint(1))
    said = lab.run("play", *LSTM, "--checkpoint", lab.checkpoint(2))
    assert "PLAYED steps=20 action=(8, 6)" in said


def test_a_users_own_yaml_with_dictionary_observations(lab):
    task = ("--task", "My-Cheetah-v0", *GENPO, "--num_envs", "8")
    lab.run("train_3", *task, **MINE)
    resume = ("--max_iterations", "3", "--checkpoint", lab.checkpoint(2))
    lab.run("train_3", *task, *resume, **MINE)
    said = lab.run("play", *task, "--checkpoint", lab.checkpoint(3), **MINE)
    assert "PLAYED steps=20 action=(8, 6)" in said


def test_a_multi_agent_task_is_flattened(lab):
    task = ("--task", "My-Two-Agents-v0", *GENPO, "--num_envs", "8")
    said = lab.run("train_2", *task, **MINE)
    assert "RunningMeanStd:  (22,)" in said  # 10 + 12 of the two agents
    resume = ("--max_iterations", "3", "--checkpoint", lab.checkpoint(2))
    lab.run("train_2", *task, *resume, **MINE)
    said = lab.run("play", *task, "--checkpoint", lab.checkpoint(3), **MINE)
    assert "PLAYED steps=20 action=(8, 6)" in said


def agents(*sizes):
    """Hydra's words for ``network.agents``, which the YAML leaves out."""
    listed = ", ".join(f"{{name: {name}, obs: {obs}, act: {act}}}" for name, obs, act in sizes)
    return f"+agent.params.network.agents=[{listed}]"


def test_ddpl_trains_resumes_and_plays_a_policy_per_agent(lab):
    """Whether the YAML lists the agents or the environment is asked: the policy is the same."""
    lab.run("train_2", *TWO_AGENTS, "--max_iterations", "1", **MINE)
    assert {"ddpl/temperature/front", "ddpl/temperature/back"} <= scalars(lab).keys()
    given = agents(("front", 10, 3), ("back", 12, 3))
    resume = ("--max_iterations", "2", "--checkpoint", lab.checkpoint(1))
    lab.run("train_3", *TWO_AGENTS, given, *resume, **MINE)
    said = lab.run("play", *TWO_AGENTS, "--checkpoint", lab.checkpoint(2), **MINE)
    assert "PLAYED steps=20 action=(8, 6)" in said


def test_the_shipped_file_of_a_team_reaches_its_agents(lab):
    """The stand-in is another robot, which the file's agents do not fit and its own names do."""
    task = ("--task", "Isaac-Cart-Double-Pendulum-Direct-v0", *DDPL, "--num_envs", "8", *ON_CPU)
    small = ("agent.params.network.diffusion.units=[16]", "agent.params.algo.proposals=2")
    said = lab.run("train_2", *task, *small, ok=False)
    assert "params.network.agents: cart (obs 4, act 1), pendulum (obs 3, act 1); the " in said
    assert "environment has front (obs 10, act 3), back (obs 12, act 3)" in said
    own = "agent.params.network.agents=null"
    lab.run("train_2", *task, *small, own, "--max_iterations", "1")
    assert "cart_double_pendulum_direct_ddpl" in lab.checkpoint(1)


def test_the_gaussian_baseline_stands_under_isaac_labs_own_key(lab):
    small = ("--num_envs", "8", *ON_CPU, "--max_iterations", "1")
    lab.run("train_2", "--task", "Isaac-Velocity-Flat-Anymal-D-v0", *small)
    checkpoint = lab.checkpoint(1)
    assert "velocity_flat_anymal_d_ppo" in checkpoint
    task = "Isaac-Velocity-Flat-Anymal-D-Play-v0"
    said = lab.run("play", "--task", task, *small, "--checkpoint", checkpoint)
    assert "PLAYED" in said


def test_population_based_training_saves_mutates_and_resumes(lab):
    pbt = {
        "enabled": "True",
        "directory": ".",
        "num_policies": "1",
        "interval_steps": "256",
        "objective": "episode.Episode_Reward/mean",
        "mutation": "{agent.params.config.learning_rate: mutate_float,"
        " agent.params.algo.max_lr: mutate_float}",
    }
    block = "+agent.pbt={" + ", ".join(f"{key}: {value}" for key, value in pbt.items()) + "}"
    said = lab.run("train_2", *ANT, "--max_iterations", "4", block)
    assert "Policy 0, frames_left" in said
    saved = sorted(lab.folder.glob("logs/**/pbt_workspace/000/*.pth"))
    assert saved, said
    mutated = (
        "agent.params.config.learning_rate=0.0007",
        "agent.params.algo.max_lr=0.02",
        "agent.params.config.lr_schedule=constant",
    )
    resume = ("--max_iterations", "5", "--checkpoint", str(saved[-1]))
    lab.run("train_2", *ANT, *mutated, *resume)
    assert scalars(lab)["info/last_lr"][-1].value == pytest.approx(0.0007)


def test_the_pbt_observers_restart_forgets_the_agent(lab):
    """Why docs/isaaclab.md has PBT's users register a task; when this fails, they need not."""
    code = (
        "import isaaclab, argparse\n"
        "from isaaclab_rl.rl_games.pbt.pbt_utils import EnvArgs\n"
        "words = dict(task='T', agent='OURS', seed=1, headless=True, num_envs=8)\n"
        "print(EnvArgs(argparse.Namespace(**words)).get_args_list())\n"
    )
    done = lab.python("-c", code)
    assert "--task=T" in done.stdout and "OURS" not in done.stdout, done.stderr


def test_a_gpu_that_is_not_there_is_named(lab):
    said = lab.run("train_2", "--task", "Isaac-Ant-v0", *GENPO, "--num_envs", "8", ok=False)
    assert "params.config.device: cuda:0, but torch sees no CUDA device; use cpu for" in said


def test_a_wrong_value_of_ours_is_refused_before_training(lab):
    said = lab.run("train_2", *ANT, "agent.params.network.flow.mix=1.5", ok=False)
    assert "params.network.flow.mix: must be in (0, 1], got 1.5" in said


def test_a_key_that_a_task_does_not_have_is_answered_by_the_nearest(lab):
    for policy, near in (("gnpo", "genpo"), ("genpo_papers", "genpo")):
        words = ("--task", "Isaac-Ant-Direct-v0", "--agent", agent_key(policy))
        said = lab.run("train_2", *words, ok=False)
        assert f"--agent {agent_key(policy)}: Isaac-Ant-Direct-v0 has no such configuration" in said
        assert f"did you mean '{agent_key(near)}'?" in said
        assert "`rlg-genpo doctor` lists tasks with their policies" in said


def test_a_task_without_our_file_trains_on_its_own_gaussians(lab):
    task = ("--task", "Isaac-Cart-Double-Pendulum-Direct-v0", *GENPO, "--num_envs", "8", *ON_CPU)
    fitting = "agent.params.config.minibatch_size=64"
    lab.run("train_2", *task, fitting, "--max_iterations", "1")
    assert "cart_double_pendulum_direct_genpo" in lab.checkpoint(1)
