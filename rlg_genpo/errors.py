"""What a user gets when a configuration or a checkpoint does not fit."""


class ConfigError(ValueError):
    """A setting that cannot work. The message names the YAML key, the value and the way out."""


class DivergedError(RuntimeError):
    """Training met a loss that is not finite; says where, and what usually helps."""


class SimulatorError(DivergedError):
    """The simulator gave a number that cannot be learned from; says what and where."""


class CheckpointError(RuntimeError):
    """A checkpoint that does not belong to the configured policy; says what differs."""


class VerificationError(RuntimeError):
    """An exported file that does not act as its policy does; says by how much."""
