"""Stand-in for ``isaaclab.utils.assets``, which asks Omniverse for remote files."""

import os


def retrieve_file_path(path: str) -> str:
    """A local file's absolute path."""
    if not os.path.isfile(path):
        raise FileNotFoundError(path)
    return os.path.abspath(path)
