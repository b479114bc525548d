"""Runs the stand-in scripts in processes of their own: what is imported when is the point.

Torch is the exception, which most of them find imported (tests/warm.py).
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest

from tests.warm import Warm

HERE = Path(__file__).parent
ON_CPU = ("agent.params.config.device=cpu", "agent.params.config.device_name=cpu")
NEEDS = ("isaaclab", "gym", "hydra-core", "toml", "prettytable", "envpool")


def missing():
    for package in NEEDS:
        try:
            metadata.version(package)
        except metadata.PackageNotFoundError:
            yield package


absent = list(missing())


def pytest_collection_modifyitems(items):
    reason = f"not installed: {', '.join(absent)} (the isaaclab wheel is for Python 3.11)"
    for item in items:
        if absent and HERE in Path(item.fspath).parents:
            item.add_marker(pytest.mark.skip(reason=reason))


@dataclass
class Lab:
    """Isaac Lab with stand-ins, in a folder of its own."""

    folder: Path
    warm: Warm
    first_on_path: str = ""

    def environment(self, **more):
        path = [self.first_on_path, str(HERE / "stand_in"), str(HERE / "extension")]
        path.append(os.environ.get("PYTHONPATH", ""))
        joined = os.pathsep.join(part for part in path if part)
        return {**os.environ, "PYTHONPATH": joined, "OMP_NUM_THREADS": "1", **more}

    def python(self, *arguments, fresh=False, **environment):
        """``python ARGUMENTS``; fresh: without torch imported before."""
        here = {"cwd": self.folder, "env": self.environment(**environment)}
        if fresh:
            command = [sys.executable, *arguments]
            return subprocess.run(command, **here, capture_output=True, text=True)
        return self.warm.run([*arguments], **here)

    def run(self, script, *arguments, ok=True, fresh=False, launcher=False, **environment):
        """A stand-in script on a CPU; returns its standard output and error as one text."""
        path = str(HERE / "scripts" / f"{script}.py")
        start = ["-m", "rlg_genpo.isaaclab", path] if launcher else [path]
        done = self.python(*start, "--headless", *arguments, fresh=fresh, **environment)
        text = done.stdout + done.stderr
        assert (done.returncode == 0) == ok, text
        return text

    def checkpoint(self, epoch):
        """The checkpoint that the run of this folder wrote last in an epoch."""
        (path,) = self.folder.glob(f"logs/**/last_*_ep_{epoch}_*.pth")
        return str(path)


@pytest.fixture
def lab(tmp_path, warm):
    return Lab(tmp_path, warm)
