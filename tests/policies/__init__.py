"""Facts about rlg_genpo.policies."""
