"""Runs Python programs in forks of a process that has imported torch already.

Importing torch is most of what a program of these tests does. A fork starts behind that; all else
is as in a fresh interpreter: rl_games, gym, Isaac Lab and this package are not imported yet, the
program's end is the process's end, and it has its own folder, environment and standard streams.

This file is also the program of the process that forks.
"""

import contextlib
import gc
import json
import os
import runpy
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

#: what takes long, and whose place in the order of imports is no test's point
IMPORTED = ("torch._dynamo", "torch.utils.tensorboard", "tensorboardX", "hydra", "envpool")
#: what a program imports by itself
NOT_IMPORTED = {"gym", "isaaclab", "isaaclab_tasks", "rl_games", "rlg_genpo"}


#: seconds after which a program that hangs is ended
AT_MOST = 600


class Warm:
    """The process that forks, as its caller sees it; one program runs at a time.

    ``torch.compile`` does nothing there: rl_games calls it when it is imported, and the compiler
    takes as long to import as the rest of torch.
    """

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            env={**os.environ, "TORCHDYNAMO_DISABLE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, words: list[str], cwd: Path, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """``python WORDS``, where these begin with a script, ``-m MODULE`` or ``-c CODE``."""
        with TemporaryDirectory() as temporary:
            streams = [f"{temporary}/stdout", f"{temporary}/stderr"]
            environment = dict(os.environ) if env is None else env
            job = {"words": words, "cwd": str(cwd), "env": environment, "streams": streams}
            assert self.process.stdin is not None and self.process.stdout is not None
            print(json.dumps(job), file=self.process.stdin, flush=True)
            code = int(self.process.stdout.readline())
            out, err = (Path(stream).read_text() for stream in streams)
        return subprocess.CompletedProcess(words, code, out, err)

    def close(self) -> None:
        self.process.communicate()


def next_job() -> dict[str, Any]:
    """Fork for every job that comes in; returns in the forks only."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            return json.loads(line)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    raise SystemExit


def move_to(cwd: str, env: dict[str, str], streams: list[str]) -> None:
    """Give this process a job's folder, environment and standard streams."""
    signal.alarm(AT_MOST)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    files = [os.open(os.devnull, os.O_RDONLY)]
    files += [os.open(stream, os.O_WRONLY | os.O_CREAT) for stream in streams]
    for number, file in enumerate(files):
        os.dup2(file, number)
    sys.path[1:1] = [path for path in env.get("PYTHONPATH", "").split(os.pathsep) if path]


def become(first: str, *rest: str) -> None:
    """Run the words as the interpreter runs them."""
    if first in ("-c", "-m"):
        sys.path[0], sys.argv = os.getcwd(), [first, *rest[1:]]
        if first == "-c":
            exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
        else:
            runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.path[0], sys.argv = os.path.dirname(first), [first, *rest]
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    for module in IMPORTED:
        with contextlib.suppress(ModuleNotFoundError):
            import_module(module)
    assert not NOT_IMPORTED & sys.modules.keys()
    gc.freeze()  # or the first collection of every fork would copy each page
    job = next_job()
    move_to(job["cwd"], job["env"], job["streams"])
    become(*job["words"])
