"""Runs Isaac Lab 3.0's own command line on a CPU, in processes of their own."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ON_CPU = (
    "--device",
    "cpu",
    "agent.params.config.device=cpu",
    "agent.params.config.device_name=cpu",
)
WITHOUT = "Isaac Lab 3.0 is not installed here; `make test-isaaclab` makes an environment with it"


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in Path(item.fspath).parents:
            item.add_marker(pytest.mark.slow)
            if find_spec("isaaclab_newton") is None:
                item.add_marker(pytest.mark.skip(reason=WITHOUT))


@dataclass
class Lab:
    """Isaac Lab's command line in a folder of its own."""

    folder: Path
    assets: Path
    environment: dict = field(default_factory=dict)

    def start(self, *words, start=("-m", "isaaclab")):
        return subprocess.Popen(
            [sys.executable, *start, *words],
            cwd=self.folder,
            env={
                **os.environ,
                "ISAACSIM_ASSET_ROOT": str(self.assets),
                "OMP_NUM_THREADS": "1",
                "PYTHONUNBUFFERED": "1",
                **self.environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A shell's background job ignores Ctrl-C, and so would its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def run(self, *words, ok=True, start=("-m", "isaaclab")):
        """A command to its end; returns what it printed, errors as well."""
        process = self.start(*words, start=start)
        said, _ = process.communicate(timeout=600)
        assert (process.returncode == 0) == ok, said
        return said

    def train(self, task, *words, envs=8, epochs=1, ok=True, start=("-m", "isaaclab")):
        counted = ("--num_envs", str(envs), "--max_iterations", str(epochs))
        chosen = ("train", "--rl_library", "rl_games", "--task", task)
        return self.run(*chosen, *counted, *ON_CPU, *words, ok=ok, start=start)

    def play(self, task, *words):
        """Plays until the policy has acted for a while, and stops it as a user does."""
        chosen = ("play", "--rl_library", "rl_games", "--task", task, "--num_envs", "8")
        process = self.start(*chosen, *ON_CPU, *words)
        said = []
        for line in process.stdout:
            said.append(line)
            if "Policy playback is running" in line:
                break
        said.append(stopped(process))
        text = "".join(said)
        assert "Policy playback is running" in text and "Error" not in text, text
        return text

    def runs(self, name):
        """Folders of the runs of a configuration, oldest first."""
        return sorted((self.folder / "logs" / "rl_games" / name).glob("2*"))

    def checkpoint(self, name, epoch):
        (path,) = self.runs(name)[-1].glob(f"nn/last_*_ep_{epoch}_*.pth")
        return path


def stopped(process):
    """What a process says until it ends by Ctrl-C, which a simulator's callback may swallow."""
    for _ in range(60):
        process.send_signal(signal.SIGINT)
        try:
            return process.communicate(timeout=2)[0]
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    return process.communicate()[0] + "Error: Ctrl-C did not end it"


@pytest.fixture(scope="session")
def assets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("assets")
    subprocess.run([sys.executable, str(HERE / "assets.py"), str(folder)], check=True)
    return folder


@pytest.fixture
def lab(tmp_path, assets):
    return Lab(tmp_path, assets)
