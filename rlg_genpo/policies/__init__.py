"""Policy heads: torch only, one file per method."""
