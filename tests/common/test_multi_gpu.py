"""Two ranks train one policy, here on the CPU.

rl_games itself allows no CPU run of ``multi_gpu``: it asks for the nccl backend, writes a CUDA
device into the config and selects it; 1.6.1 gives a central value a CUDA device too. This file is
also the ranks' program, which replaces exactly these (gloo for nccl, a config and a central value
that keep their device, no device selection) and nothing else, so that what the ranks exchange, and
what our agent does with it, is tested without two GPUs. It forks one rank off the other.
"""

import os
import socket
import sys
from pathlib import Path

import pytest
import torch
from rl_games.algos_torch.central_value import CentralValueTrain

from tests.ddpl import teams
from tests.rig import CENTRAL_VALUE, CPPO, Rig, Run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ranks")]  # two tests share a case

FALLING = {"config.lr_schedule": "adaptive", "config.kl_threshold": 1e-9}
CASES = {
    "legacy": {**FALLING, "config.schedule_type": "legacy"},
    "standard": {**FALLING, "config.schedule_type": "standard"},
    "central_value": {
        "config.env_config": {"states": True},
        "config.central_value_config": CENTRAL_VALUE,
    },
    # About as high as the losses at first: alone, the ranks would stop after different passes.
    "cppo": {**CPPO, "config.lr_schedule": "linear", "algo.distill_threshold": 5.0},
    # Each rank's own states, but one temperature and one gradient.
    "ddpl": {**teams.overrides(), "config.lr_schedule": "linear"},
}


class CpuConfig(dict):
    """A config block that refuses to be moved to a CUDA device."""

    def __setitem__(self, key, value):
        if not str(value).startswith("cuda"):
            super().__setitem__(key, value)


def work(folder: str, case: str, rank: int) -> None:
    """One rank: train two epochs, leave what it holds in the folder."""
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank))
    start = torch.distributed.init_process_group
    torch.distributed.init_process_group = lambda backend, **kwargs: start("gloo", **kwargs)
    torch.cuda.set_device = lambda device: None
    CentralValueTrain.device_name = property(lambda _: "cpu", lambda _, name: None)
    rig = Rig(Path(folder) / str(rank))
    settings = rig.settings({**CASES[case], "config.multi_gpu": True})
    settings["params"]["config"] = CpuConfig(settings["params"]["config"])
    rig.settings = lambda overrides: settings
    run: Run = rig.train()
    held = {
        "start": run.start,
        "end": dict(run.agent.model.named_parameters()),
        "rates": [step.rate for step in run.steps],
        "last_lr": run.agent.last_lr,
        "normaliser": run.agent.model.running_mean_std.state_dict(),
        "shares": hasattr(run.agent, "sync_running_stats"),
        "reward": torch.stack(run.agent.vec_env.rewards),
    }
    torch.save(held, Path(folder) / f"{rank}.pt")
    torch.distributed.destroy_process_group()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def ranks(tmp_path_factory, warm):
    """Runs a case on two ranks, once; returns what each of them held at the end."""
    root, held = Path(__file__).parents[2], {}

    def of(case):
        if case not in held:
            folder = tmp_path_factory.mktemp(case)
            address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
            words = ["-m", "tests.common.test_multi_gpu", str(folder), case]
            done = warm.run(words, root, {**os.environ, **address, "WORLD_SIZE": "2"})
            assert done.returncode == 0, done.stdout + done.stderr
            held[case] = [torch.load(folder / f"{rank}.pt") for rank in (0, 1)]
        return held[case]

    return of


@pytest.mark.parametrize("case", CASES)
def test_ranks_end_with_the_same_parameters_and_rate(ranks, case):
    first, second = ranks(case)
    assert not torch.equal(first["reward"], second["reward"])  # each rank has its own experience
    for name, value in first["end"].items():
        assert torch.equal(value, second["end"][name]), name
        assert not torch.equal(value, first["start"][name]), name
    assert first["last_lr"] == second["last_lr"]
    assert first["rates"] == second["rates"]
    assert (first["last_lr"] < 1e-3 - 1e-9) == (case != "central_value")


def test_ranks_normalise_alike_where_rl_games_lets_them(ranks):
    first, second = ranks("legacy")
    alike = all(torch.equal(a, second["normaliser"][n]) for n, a in first["normaliser"].items())
    assert alike == first["shares"]
    # Two epochs of 8 x 16 observations, on top of the count of 1 that rl_games starts with.
    world = 2 if first["shares"] else 1
    assert first["normaliser"]["count"].item() == world * (1 + 2 * 8 * 16)


if __name__ == "__main__":
    import rlg_genpo  # noqa: F401

    other = os.fork()
    work(*sys.argv[1:], rank=int(other == 0))
    if other:
        _, status = os.waitpid(other, 0)
        sys.exit(os.waitstatus_to_exitcode(status))
