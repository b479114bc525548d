"""Isaac Lab's command line as it is where rlg_genpo is not installed: our entry points hidden."""

from importlib import metadata

real = metadata.entry_points


def entry_points(**chosen):
    found = real(**chosen)
    return metadata.EntryPoints(point for point in found if "rlg_genpo" not in point.value)


metadata.entry_points = entry_points

from isaaclab.cli import cli  # noqa: E402

cli()
