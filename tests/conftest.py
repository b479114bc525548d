"""Seeds, one thread a process, and the fixtures that several folders share."""

import os

# Before torch is imported; the processes that tests start inherit both. rl_games asks torch for as
# many threads as there are cores, up to four: the limit is what it gets. pytest-xdist fills the
# cores already, and threads that wait for one another there take many times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_THREAD_LIMIT", "1")

import pytest
import torch

import rlg_genpo  # noqa: F401  (registers the algorithms with rl_games)
from tests.warm import Warm

#: every device of this machine that a training test may use
DEVICES = [
    "cpu",
    pytest.param(
        "cuda:0",
        marks=[
            pytest.mark.gpu,
            pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device"),
        ],
    ),
]


torch.set_num_threads(1)  # also where OMP_NUM_THREADS says otherwise


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture
def double():
    """float64 as torch's default, for tests that compare with algebra."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def one_thread():
    """Layers this small gain nothing by a second one, and lose much on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def warm():
    """Runs programs in processes of their own that find torch imported."""
    started = Warm()
    yield started
    started.close()


@pytest.fixture
def rig(tmp_path):
    """Builds YAML dictionaries, agents, players and whole training runs in a temporary folder."""
    from tests.rig import Rig  # not above: the process that starts pytest-xdist's needs no rl_games

    return Rig(tmp_path)


@pytest.fixture(params=DEVICES)
def device(request):
    return request.param
