"""Facts about rlg_genpo.models."""
