"""Facts about rlg_genpo.agents."""
