"""Facts about rlg_genpo; the folders mirror the package."""
