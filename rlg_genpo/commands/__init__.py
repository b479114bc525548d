"""What ``rlg-genpo`` does, one idea per file. Nothing here prints: callers pass ``say``."""
