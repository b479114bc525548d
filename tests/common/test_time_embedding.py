"""Time embeddings by hand."""

import math

import pytest
import torch

from rlg_genpo.common.flow_config import FlowConfig
from rlg_genpo.common.velocity import TimeEmbedding, sinusoidal

pytestmark = pytest.mark.usefixtures("double")


def test_sinusoidal_by_hand():
    # Width 4 has the frequencies 1 and 1/10000; sines first, then cosines.
    embedded = sinusoidal(torch.tensor([0.0, 0.5]), 4)
    expected = [
        [0.0, 0.0, 1.0, 1.0],
        [math.sin(0.5), math.sin(5e-5), math.cos(0.5), math.cos(5e-5)],
    ]
    torch.testing.assert_close(embedded, torch.tensor(expected))


def test_the_smallest_width_has_the_frequency_one():
    embedded = sinusoidal(torch.tensor([0.3]), 2)
    torch.testing.assert_close(embedded, torch.tensor([[math.sin(0.3), math.cos(0.3)]]))


def test_frequencies_fall_geometrically():
    # At width 6: 1, 1/100, 1/10000; for a small time the sines are nearly time times frequency.
    embedded = sinusoidal(torch.tensor([1e-3]), 6)[0, :3]
    torch.testing.assert_close(embedded, torch.tensor([1e-3, 1e-5, 1e-7]), rtol=1e-6, atol=0.0)


@pytest.mark.parametrize("steps", [1, 5])
def test_every_step_has_its_own_embedding(steps):
    embedding = TimeEmbedding(FlowConfig(steps, time_embedding=8, time_units=(16,)))
    embedded = embedding()
    assert embedded.shape == (steps, 8)
    assert torch.pdist(embedded).gt(1e-6).all()
    torch.testing.assert_close(
        embedding.features, sinusoidal(torch.arange(steps) / steps, 8), check_dtype=False
    )


def test_any_time_is_embedded_as_a_steps_is():
    embedding = TimeEmbedding(FlowConfig(5, time_embedding=8, time_units=(16,)))
    torch.testing.assert_close(embedding.of(torch.arange(5) / 5), embedding())
    between = embedding.of(torch.tensor([0.3]))
    assert between.shape == (1, 8) and (between - embedding()).abs().amax(dim=1).min() > 1e-6
