"""``python -m rlg_genpo.isaaclab SCRIPT ARGS``."""

from rlg_genpo.isaaclab import main

raise SystemExit(main())
