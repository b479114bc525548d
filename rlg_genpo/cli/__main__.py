"""``python -m rlg_genpo.cli``."""

from rlg_genpo.cli import main

raise SystemExit(main())
