"""The part of ``isaaclab.utils`` that is asked for here, from the real submodules."""

import isaaclab

__path__.append(str(isaaclab.SOURCE / "isaaclab" / "isaaclab" / "utils"))

from isaaclab.utils.array import *
from isaaclab.utils.configclass import configclass
from isaaclab.utils.dict import *
from isaaclab.utils.string import *
