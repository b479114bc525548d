"""The command line speaks for the Isaac Lab that is installed; these tests see 2.x's words."""

import pytest

from rlg_genpo.isaaclab import tasks


@pytest.fixture(autouse=True)
def _isaac_lab_2(monkeypatch):
    monkeypatch.setattr(tasks, "generation", lambda: 2)
