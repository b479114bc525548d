"""The command line, ``rlg-genpo``: :func:`main`, whose commands stand in ``commands.py``.

What a user's words, files and settings have wrong is a ConfigError, everywhere in this folder; its
message names the key, the value and the way out.
"""

import errno
import shlex
import sys
from collections.abc import Sequence

import click

from rlg_genpo.cli.commands import program
from rlg_genpo.errors import CheckpointError, ConfigError, DivergedError, VerificationError

#: exit codes; 130 is what a shell makes of Ctrl-C
FINISHED, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130
#: what a disk that takes nothing answers
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command, with the words of the process by default; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = program.main(
            words, "rlg-genpo", standalone_mode=False, obj=shlex.join(["rlg-genpo", *words])
        )
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return INTERRUPTED
    except (ConfigError, CheckpointError, DivergedError, VerificationError) as error:
        click.echo(f"error: {error}", err=True)
        return MISUSED if isinstance(error, ConfigError | CheckpointError) else FAILED
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        click.echo(f"error: {error.filename or 'a file'}: {error.strerror}.", err=True)
        return MISUSED
    return FINISHED if code is None else code
