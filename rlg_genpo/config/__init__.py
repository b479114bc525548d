"""Our YAML blocks, parsed once: a dataclass per block. Standard library only."""
