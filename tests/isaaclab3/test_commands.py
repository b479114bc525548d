"""`isaaclab train` and `isaaclab play` of 3.0 train, resume and play every policy."""

import json
import subprocess
import sys

import pytest
import torch

from rlg_genpo.isaaclab.tasks import agent_key
from tests.isaaclab3.conftest import HERE, ON_CPU

CARTPOLE = "Isaac-Cartpole-Direct"
PENDULUM = "Isaac-Pendulum-MARL-Direct"


def agent(policy):
    return ("--agent", agent_key(policy))


@pytest.mark.parametrize("policy", ["genpo", "cppo"])
def test_a_policy_trains_resumes_and_plays(lab, policy):
    name = f"cartpole_direct_{policy}"
    override = "agent.params.config.learning_rate=0.0002"
    said = lab.train(CARTPOLE, *agent(policy), override)
    assert "MAX EPOCHS NUM!" in said
    lab.train(CARTPOLE, *agent(policy), "--checkpoint", "latest", epochs=2)
    state = torch.load(lab.checkpoint(name, 2), weights_only=False)
    assert state["rlg_genpo"]["policy"] == policy and state["epoch"] == 2
    lab.play(CARTPOLE, *agent(policy))


def test_ddpl_trains_resumes_and_plays(lab):
    lab.train(PENDULUM, *agent("ddpl"))
    lab.train(PENDULUM, *agent("ddpl"), "--checkpoint", "latest", epochs=2)
    checkpoint = lab.checkpoint("cart_double_pendulum_direct_ddpl", 2)
    lab.play(PENDULUM, *agent("ddpl"), "--checkpoint", str(checkpoint))


def test_a_task_without_our_file_trains_on_its_own_gaussian(lab):
    """A file is made from the task's: its stock minibatch is for 4096 environments."""
    fitting = "agent.params.config.minibatch_size=64"
    lab.train(PENDULUM, *agent("genpo"), fitting)
    assert lab.runs("pendulum_marl_direct_genpo")
    said = lab.train(PENDULUM, *agent("genpo"), ok=False)
    assert "params.config.minibatch_size: " in said.splitlines()[-1]


def test_the_stock_gaussian_is_the_same_to_the_bit_with_us_installed(lab):
    fitting = "agent.params.config.minibatch_size=64"
    plain = "agent.params.config.torch_compile=False"  # or it compiles for minutes
    weights = []
    for start in (("-m", "isaaclab"), (str(HERE / "without_us.py"),)):
        lab.train(CARTPOLE, fitting, plain, epochs=2, start=start)
        weights.append(torch.load(lab.checkpoint("cartpole_direct", 2), weights_only=False))
        if len(weights) == 1:
            (lab.folder / "logs").rename(lab.folder / "first")
    ours, stock = (state["model"] for state in weights)
    assert ours.keys() == stock.keys()
    assert all(torch.equal(ours[name], stock[name]) for name in ours)


@pytest.mark.parametrize("policy", ["genpo", "cppo"])
def test_isaac_labs_own_export_writes_a_policy_of_ours(lab, policy):
    """Its manager-based tasks, which alone it exports; the parity is that of tests/export."""
    pytest.importorskip("leapp")
    lab.train("Isaac-Cartpole", *agent(policy))
    checkpoint = str(lab.checkpoint(f"cartpole_{policy}", 1))
    chosen = ("leapp", "export", "--rl_library", "rl_games", "--task", "Isaac-Cartpole")
    lab.run(*chosen, *agent(policy), "--checkpoint", checkpoint, *ON_CPU)
    (graph,) = lab.runs(f"cartpole_{policy}")[-1].glob("Isaac-Cartpole/*.onnx")
    assert graph.stat().st_size > 1000


def test_tracking_by_weights_and_biases_has_our_scalars(lab):
    pytest.importorskip("wandb")
    lab.environment["WANDB_MODE"] = "offline"
    lab.train(CARTPOLE, *agent("genpo"), "--track", "--wandb-entity", "me")
    (record,) = lab.folder.glob("wandb/offline-run-*/*.wandb")
    assert b"genpo/inverse_error" in record.read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("agent.params.network.flow.stepz=3",),
            "params.network.flow.stepz: unknown key, did you mean 'steps'?",
        ),
        (("agent.params.network.flow.steps=-3",), "steps: must be at least 1, got -3."),
        (("agent.params.algo.max_lr=high",), "params.algo.max_lr: must be"),
        (
            ("agent.params.config.minibatch_size=100",),
            "minibatch_size: 100 does not divide num_actors * horizon_length = 8 * 32 = 256",
        ),
        (("--checkpoint", __file__), "not a readable checkpoint"),
    ],
)
def test_bad_input_is_found_before_the_simulator_starts(lab, words, message):
    said = lab.train(CARTPOLE, *agent("genpo"), *words, ok=False)
    last = said.splitlines()[-1]
    assert last.startswith("error: ") and message in last
    assert "Launching simulation" not in said
    assert not (lab.folder / "logs").exists()


def test_the_last_line_of_a_run_that_diverges_is_ours(lab):
    high = ("agent.params.config.learning_rate=1e8", "agent.params.config.lr_schedule=constant")
    said = lab.train(CARTPOLE, *agent("genpo"), *high, epochs=20, ok=False)
    last = said.strip().splitlines()[-1]
    assert last.startswith("rlg_genpo.errors.DivergedError: ") and "lower it" in last


def test_a_key_that_a_task_does_not_have_is_answered_by_the_nearest(lab):
    said = lab.train(CARTPOLE, "--agent", "rl_games_gnpo_cfg_entry_point", ok=False)
    last = said.splitlines()[-1]
    assert "did you mean 'rl_games_genpo_cfg_entry_point'?" in last


@pytest.mark.parametrize("launcher", [(), ("-m", "rlg_genpo.isaaclab")])
def test_a_forgotten_library_is_named(lab, launcher, tmp_path):
    words = ("--task", CARTPOLE, *agent("genpo"), "--num_envs", "8", *ON_CPU)
    if launcher:
        script = tmp_path / "train.py"  # what Isaac Lab's scripts/reinforcement_learning has
        script.write_text("from isaaclab_rl.entrypoints import run_train_cli\nrun_train_cli()\n")
        said = lab.run(str(script), *words, start=launcher, ok=False)
    else:
        said = lab.run("train", *words, ok=False)
    assert said.splitlines()[-1].endswith("add --rl_library rl_games.")


def test_doctor_speaks_of_the_tasks_that_are_there(lab):
    def doctor(*words):
        command = [sys.executable, "-m", "rlg_genpo.cli", "doctor", *words]
        return subprocess.run(command, cwd=lab.folder, capture_output=True, text=True)

    done = doctor()
    assert done.returncode == 0, done.stdout
    assert "All is well." in done.stdout and "IsaacContrib-Lift-Cube-Franka" in done.stdout
    done = doctor("--task", "Isaac-Ant-v0")
    assert done.returncode == 1 and "did you mean 'Isaac-Ant'?" in done.stdout
    done = doctor("--task", "Isaac-Reach-UR10")
    assert done.returncode == 0 and f"--agent {agent_key('cppo')}" in done.stdout


EVERY = """
import importlib.metadata, json
for point in importlib.metadata.entry_points(group="isaaclab.tasks"): point.load()
import gymnasium, isaaclab_tasks
from isaaclab_tasks.utils.parse_cfg import load_cfg_from_registry
from rlg_genpo.cli import validation
from rlg_genpo.isaaclab import specs
found = {}
for task, spec in list(gymnasium.registry.items()):
    for key, config in specs.add(spec).items():
        document = load_cfg_from_registry(task, key)
        variants = [document] if isinstance(document, dict) else vars(document).values()
        for variant in variants:
            validation.check_hosted(variant["params"], None, None)
        found.setdefault(task, []).append(key)
print(json.dumps(found))
"""


def test_every_task_with_a_gaussian_of_rl_games_has_genpo_and_cppo(lab):
    found = json.loads(lab.run("-c", EVERY, start=()).splitlines()[-1])
    assert len(found) >= 40
    policies = {agent_key("genpo"), agent_key("cppo")}
    assert all(policies <= set(keys) for keys in found.values())
