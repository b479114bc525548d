"""``python -m rlg_genpo.isaaclab SCRIPT ARGS``."""

import sys

from rlg_genpo.isaaclab import main

sys.exit(main())
