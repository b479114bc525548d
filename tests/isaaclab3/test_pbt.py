"""Isaac Lab 3.0's population-based training mutates a policy of ours, and restarts it."""

import re

import torch

from tests.isaaclab3.conftest import HERE

#: two members, of which the second reports the higher score
POPULATION = {
    "enabled": True,
    "num_policies": 2,
    "interval_steps": 1024,
    "objective": "score",
    "mutation_rate": 1.0,
    "mutation": "{agent.params.config.learning_rate: mutate_float,"
    "agent.params.algo.max_lr: mutate_float}",
}


def start(lab, member):
    blocks = {**POPULATION, "policy_idx": member, "directory": lab.folder / "population"}
    words = [f"+agent.pbt.{key}={value}" for key, value in blocks.items()]
    config = {"device": "cpu", "device_name": "cpu", "minibatch_size": 128, "max_epochs": 12}
    words += [f"agent.params.config.{key}={value}" for key, value in config.items()]
    script = str(HERE / "pbt" / "train_genpo.py")
    # A seed of the task's own, which is its score, and the same environments for both.
    return lab.start(
        "--task", "My-Cartpole", "--num_envs", "16", "--seed", str(member), *words, start=(script,)
    )


def test_the_worse_of_two_goes_on_from_the_better_with_mutated_settings(lab):
    members = [start(lab, member) for member in (0, 1)]
    worse, better = (process.communicate(timeout=600)[0] for process in members)
    assert [process.returncode for process in members] == [0, 0], worse + better
    assert "Replacing policy 0 with 1." in worse and "Replacing" not in better
    # It is restarted as the other's checkpoint, with another rate than the file's 3e-4.
    restarted = worse.partition("Running command")[2] or worse.rpartition("previous command")[2]
    assert re.search(r"--checkpoint=\S*/001/\S+\.pth", restarted), worse
    runs = sorted(lab.folder.glob("population/**/nn/last_*_ep_12_*.pth"))
    states = [torch.load(path, weights_only=False) for path in runs]
    rates = {state["rlg_genpo"]["learning_rate"] for state in states}
    assert len(rates) == 2 and all(state["rlg_genpo"]["policy"] == "genpo" for state in states)
