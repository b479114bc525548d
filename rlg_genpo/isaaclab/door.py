"""The door of Isaac Lab 3.0, which imports the modules of the entry points ``isaaclab.tasks``."""

from rlg_genpo.isaaclab import open_door

open_door()
