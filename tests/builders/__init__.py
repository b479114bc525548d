"""Facts about rlg_genpo.networks."""
