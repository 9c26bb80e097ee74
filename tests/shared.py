"""Where material lies that tests read and that is not the project's own: captures, recipes."""

import os
from pathlib import Path

from tests.sources import ROOT


def shared_folder() -> Path:
    """Return $TAPESTRY_SHARED, or the folder shared beside the project, whether or not there is one."""
    return Path(os.environ.get("TAPESTRY_SHARED") or ROOT.parent / "shared")
