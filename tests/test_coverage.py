"""Counting the goals that a policy reaches, against figures by hand."""

import math

import pytest
import torch

from examples.analysis import coverage
from examples.analysis.coverage import Episodes
from rlg_genpo.envs.multigoal import STEP, MultiGoal

#: of a hundred episodes ten fail; the rest go 45, 40, 5 and 0 times to four goals
REACHED = torch.tensor([-1] * 10 + [0] * 45 + [1] * 40 + [2] * 5)


def test_shares_are_of_the_successful_episodes():
    assert coverage.shares(REACHED, 4).tolist() == pytest.approx([45 / 90, 40 / 90, 5 / 90, 0])


def test_a_mode_needs_its_share():
    assert coverage.mode_count(REACHED, 4) == 3  # 5 of 90 are 5.6%
    assert coverage.mode_count(REACHED, 4, least=0.06) == 2
    assert coverage.mode_count(REACHED, 4, least=0.0) == 3, "a goal that nobody reached counted"


def test_a_share_of_exactly_five_percent_is_a_mode():
    assert coverage.mode_count(torch.tensor([0] * 19 + [1]), 2) == 2


def test_coverage_entropy_by_hand():
    by_hand = -sum(p * math.log(p) for p in (1 / 2, 4 / 9, 1 / 18))
    assert coverage.coverage_entropy(REACHED, 4) == pytest.approx(by_hand)
    assert coverage.coverage_share(REACHED, 4) == pytest.approx(by_hand / math.log(4))


@pytest.mark.parametrize("goals", [2, 4, 7])
def test_coverage_entropy_lies_between_one_goal_and_all_alike(goals):
    one, alike = torch.zeros(30, dtype=torch.long), torch.arange(goals).repeat(5)
    assert coverage.coverage_entropy(one, goals) == 0
    assert coverage.coverage_entropy(alike, goals) == pytest.approx(math.log(goals))
    assert coverage.coverage_share(alike, goals) == pytest.approx(1)


def test_no_success_is_no_mode():
    nowhere = torch.full((5,), -1)
    assert coverage.mode_count(nowhere, 4) == coverage.coverage_entropy(nowhere, 4) == 0


def test_one_goal_leaves_no_choice():
    assert coverage.coverage_share(torch.tensor([0, 0]), 1) == 0


def to_their_goal(env):
    """Every point goes straight to the goal of its number; the last one stays."""
    targets = torch.cat([env.goals, torch.zeros(1, 2)])
    return lambda obs: (targets - obs) / STEP


def test_rolling_out_records_paths_returns_and_goals():
    env = MultiGoal(5, {"start_noise": 0.0, "device": "cpu"})
    episodes = coverage.roll(env, to_their_goal(env))
    assert episodes.paths.shape == (25, 5, 2)
    assert torch.allclose(episodes.paths[10:, :4], env.goals.expand(15, 4, 2), atol=1e-5)
    assert (episodes.paths[:, 4] == 0).all()
    assert episodes.goals.tolist() == [0, 1, 2, 3, -1]
    assert episodes.success == pytest.approx(0.8)
    # A whole step to go costs an exponent; the one that stays is paid that of the full radius.
    assert episodes.returns[4].item() == pytest.approx(24 * math.exp(-1 / 0.18))
    assert (episodes.returns[:4] > 14).all()


def test_who_turns_off_later_has_not_decided_at_once():
    env = MultiGoal(4, {"start_noise": 0.0, "device": "cpu"})
    first = env.goals[[0, 0, 2, 2]]
    paths = torch.stack([torch.zeros(4, 2), STEP * first, env.goals])
    episodes = Episodes(paths, torch.zeros(4), torch.tensor([0, 1, 2, -1]))
    # Of three that arrived, the second set out for another goal.
    assert coverage.decided_at_once(episodes, env.goals) == pytest.approx(2 / 3)


def test_the_first_episodes_are_whole_ones():
    env = MultiGoal(5, {"start_noise": 0.0, "device": "cpu"})
    episodes = coverage.roll(env, to_their_goal(env)).first(2)
    assert episodes.paths.shape == (25, 2, 2)
    assert episodes.goals.tolist() == [0, 1] and len(episodes.returns) == 2


def test_the_picture_colours_a_path_by_its_goal():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    env = MultiGoal(5, {"start_noise": 0.0, "device": "cpu"})
    figure, axis = pyplot.subplots()
    coverage.draw(axis, coverage.roll(env, to_their_goal(env)), env.goals)
    colours = [line.get_color() for line in axis.lines]
    assert colours == ["C0", "C1", "C2", "C3", "0.6", "C0", "C1", "C2", "C3"]
    pyplot.close(figure)
