"""Facts about rlg_genpo.maths."""
