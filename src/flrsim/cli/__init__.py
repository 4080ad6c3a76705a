"""The ``flrsim`` command: thin commands over library calls; results on stdout, words for people on stderr.

Exit codes: 0 done, 1 bad data or no answer, 2 usage.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from flrsim.errors import FlrsimError

# Waiting threads that spin make every other process on the machine slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv
        Arguments without the program's name; None takes the process's own.
    """
    from flrsim.cli.commands import ParserError, app

    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        outcome = app(args=arguments, prog_name="flrsim", standalone_mode=False)
    except FlrsimError as error:
        return _fail(error.to_dict(), error.sentence, as_json="--json" in arguments, code=1)
    except OSError as error:
        # A folder or file the machine refuses: whatever it is, the name and the reason are what helps.
        if error.filename is None:
            raise
        sentence = f"{error.filename}: {error.strerror}; check the path, the rights and the space on the disk"
        body = {"schema": "flrsim/error/1", "code": "file", "error": sentence}
        return _fail(body, sentence, as_json="--json" in arguments, code=1)
    except KeyboardInterrupt:
        return _fail({}, "stopped", as_json=False, code=130)
    except ParserError as error:
        said = str(error.format_message()).rstrip(".")
        body = {"schema": "flrsim/error/1", "code": "usage", "error": said}
        return _fail(body, f"{said}; see flrsim --help", as_json="--json" in arguments, code=2)
    return outcome if isinstance(outcome, int) else 0


def _fail(body: dict[str, str], sentence: str, *, as_json: bool, code: int) -> int:
    if as_json:
        sys.stdout.write(json.dumps(body) + "\n")
    sys.stderr.write(f"flrsim: {sentence}\n")
    return code


def entry() -> None:
    """Run as a program."""
    sys.exit(main())
