"""Starting processes that run this very code.

Python looks first into the folder that it is started in: a daemon that is started beside another copy of the code would
get workers of that copy, which at best compile all kernels again.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PYTHON: Final = (sys.executable, "-P")
"""The interpreter, which leaves the folder that it is started in alone."""


def own_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return an environment in which ``PYTHON`` imports what this process has imported."""
    before = environment.get("PYTHONPATH")
    return {**environment, "PYTHONPATH": os.pathsep.join([str(ROOT), before] if before else [str(ROOT)])}
