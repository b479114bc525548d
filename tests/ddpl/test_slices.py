"""Taking a flat vector apart and putting it together, and what crosses from agent to agent."""

import pytest
import torch
from torch.autograd.functional import jacobian

from rlg_genpo.ddpl.networks import Slices
from tests.ddpl import teams

pytestmark = pytest.mark.usefixtures("double")

sizes_of = pytest.mark.parametrize("sizes", [[2, 2, 2], [3, 1, 2], [1, 4], [5], [1, 1]], ids=str)


@sizes_of
def test_split_and_merge_are_inverse(sizes):
    slices, flat = Slices(sizes), torch.randn(7, sum(sizes))
    parts = slices.split(flat)
    assert parts.shape == (len(sizes), 7, max(sizes))
    assert torch.equal(slices.merge(parts), flat)


@sizes_of
def test_each_agent_has_its_own_slice_and_zeros_after_it(sizes):
    slices, flat = Slices(sizes), torch.randn(7, sum(sizes))
    expected = flat.split(sizes, dim=1)
    for agent, (part, own) in enumerate(zip(slices.split(flat), expected, strict=True)):
        assert torch.equal(part[:, : sizes[agent]], own)
        assert (part[:, sizes[agent] :] == 0).all()
        assert torch.equal(flat[:, teams.span(sizes, agent)], own)
        real = torch.arange(max(sizes)) < sizes[agent]
        assert torch.equal(slices.real[agent, 0].bool(), real)


@sizes_of
def test_what_stands_in_the_filling_is_dropped(sizes):
    slices, flat = Slices(sizes), torch.randn(7, sum(sizes))
    filled = slices.split(flat).masked_fill(slices.real == 0, torch.nan)
    assert torch.equal(slices.merge(filled), flat)


@sizes_of
def test_gradients_stay_within_the_agents(sizes):
    slices, flat = Slices(sizes), torch.randn(2, sum(sizes))
    apart = jacobian(slices.split, flat)  # (n, B, W, B, S)
    together = jacobian(slices.merge, slices.split(flat))  # (B, S, n, B, W)
    for agent, size in enumerate(sizes):
        for row in range(2):
            expected = torch.zeros(max(sizes), 2, sum(sizes))
            expected[:size, row, teams.span(sizes, agent)] = torch.eye(size)
            assert torch.equal(apart[agent, row], expected)
        others = [other for other in range(len(sizes)) if other != agent]
        assert (together[:, teams.span(sizes, agent)][:, :, others] == 0).all()
        assert together[:, teams.span(sizes, agent), agent].sum() == 2 * size


def test_a_batch_of_one_keeps_its_dimension():
    for sizes in ([2, 2], [3, 1]):
        slices, flat = Slices(sizes), torch.randn(1, 4)
        assert torch.equal(slices.merge(slices.split(flat)), flat)


def test_a_checkpoint_holds_nothing_of_it():
    assert Slices([2, 1]).state_dict() == {}
