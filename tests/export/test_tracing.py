"""Players under the exporters that others bring: Isaac Lab's script calls ``get_action``."""

from pathlib import Path

import pytest
import torch

from tests.export.cases import CASES, observed, player_of, started
from tests.rig import CPPO, LSTM

PLAYERS = {
    "genpo": {},
    "genpo_mish": {"network.flow.activation": "mish"},
    "cppo": CPPO,
    "ddpl": CASES["ddpl"],
}


class Acting(torch.nn.Module):
    """A player's ``get_action``, as somebody else wraps it."""

    def __init__(self, player):
        super().__init__()
        self.player, self.model = player, player.model

    def forward(self, obs):
        return self.player.get_action(obs, is_deterministic=True)


def acting(rig, overrides):
    player, _ = player_of(rig, overrides)
    obs = observed(player, 3)
    # As one that has its checkpoint: DDPL's takes its agents apart then.
    started(player, obs).get_action(obs, True)
    return Acting(player).eval(), obs


@pytest.mark.slow
@pytest.mark.parametrize("overrides", PLAYERS.values(), ids=PLAYERS)
def test_torchs_onnx_exporter_traces_get_action(rig, tmp_path, overrides):
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(package, reason="the extra export")
    runtime = pytest.importorskip("onnxruntime", reason="the extra export")
    module, obs = acting(rig, overrides)
    batch = ({0: torch.export.Dim("batch")},)
    path = tmp_path / "a.onnx"
    torch.onnx.export(
        module, (obs,), path, dynamo=True, dynamic_shapes=batch, input_names=["obs"], verbose=False
    )
    session = runtime.InferenceSession(path)
    for rows in (1, 3, 64):
        obs = observed(module.player, rows)
        (found,) = session.run(None, {"obs": obs.numpy()})
        torch.testing.assert_close(torch.from_numpy(found), module(obs), rtol=0, atol=1e-5)


@pytest.mark.parametrize("overrides", PLAYERS.values(), ids=PLAYERS)
def test_torchscript_traces_get_action(rig, overrides):
    module, obs = acting(rig, overrides)
    traced = torch.jit.trace(module, (obs,), check_trace=False)
    for rows in (1, 3, 64):
        obs = observed(module.player, rows)
        torch.testing.assert_close(traced(obs), module(obs), rtol=0, atol=1e-6)


#: the calls of Isaac Lab's scripts/reinforcement_learning/leapp/rl_games/export.py, in its order
LEAPP = """
import sys, pathlib
import torch
import leapp
from leapp import annotate
from tests.export.cases import observed, player_of, started
from tests.export.test_tracing import PLAYERS, RECURRENT
from tests.rig import Rig

folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
player, _ = player_of(Rig(folder), {**PLAYERS, **RECURRENT}[name])
names = ("hidden", "cell")
started(player, observed(player, 1))
leapp.start("graph", save_path=str(folder))
for _ in range(2):
    with torch.inference_mode():
        obs = annotate.input_tensors("policy", {"obs": observed(player, 1)})
        if player.is_rnn:
            states = dict(zip(names, player.states))
            given = annotate.state_tensors("policy", states)
            player.states = [given[n] for n in names] if isinstance(given, dict) else list(given)
        action = player.get_action(player.obs_to_torch(obs), is_deterministic=True)
        if player.is_rnn:
            annotate.update_state("policy", dict(zip(names, player.states)))
        annotate.output_tensors("policy", {"action": action}, export_with="onnx-dynamo")
leapp.stop()
# It compares its file with what it recorded.
leapp.compile_graph(visualize=False, validate=True)
"""
RECURRENT = {"genpo_lstm": {"network.rnn": LSTM}}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*PLAYERS, *RECURRENT])
def test_isaac_labs_exporter_records_get_action(name, tmp_path, warm):
    pytest.importorskip("leapp", reason="what Isaac Lab exports with")
    done = warm.run(["-c", LEAPP, str(tmp_path), name], Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("**/policy.onnx"))
