"""``python -m rlg_genpo.cli``."""

import sys

from rlg_genpo.cli import main

sys.exit(main())
