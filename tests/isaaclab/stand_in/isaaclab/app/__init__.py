"""Stand-in for Isaac Lab's application launcher, which starts Isaac Sim."""

import argparse
import os
from typing import Any


class _Simulator:
    """Runs for as many steps as asked for, since nobody is there to close a window."""

    def __init__(self) -> None:
        self.steps = int(os.environ.get("STAND_IN_STEPS", "20"))

    def is_running(self) -> bool:
        self.steps -= 1
        return self.steps >= 0

    def close(self) -> None:
        pass


class AppLauncher:
    """Takes the real launcher's commonest arguments and starts nothing."""

    def __init__(self, args: Any) -> None:
        self.app = _Simulator()
        self.global_rank = int(os.environ.get("RANK", "0"))
        self.local_rank = int(os.environ.get("LOCAL_RANK", "0"))

    @staticmethod
    def add_app_launcher_args(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--headless", action="store_true")
        parser.add_argument("--enable_cameras", action="store_true")
        parser.add_argument("--device", default="cpu")
