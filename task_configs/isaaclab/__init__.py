"""Agent configurations of Isaac Lab's tasks, resolvable as ``MODULE:NAME.yaml``.

Isaac Lab imports the module when it resolves such a string: after rl_games' runner is loaded and
before a Runner is made. Importing this module therefore registers our agents, and nothing else of
Isaac Lab needs to know of them.
"""

import rlg_genpo

rlg_genpo.register()
