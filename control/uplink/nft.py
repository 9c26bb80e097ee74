"""nftables by way of its own program, `nft`: there is no binding on the package index, and its text can be read."""

import shutil
import subprocess

from control.errors import UserError
from control.uplink.ruleset import TABLE

PATIENCE_S = 30


def require_nft() -> None:
    """Raise UserError unless the program is there."""
    if shutil.which("nft") is None:
        raise UserError("uplink mode host needs the program nft: install the package nftables")


def load_ruleset(text: str) -> str:
    """Put the table in force in one step; return it as the kernel has it then. UserError if it is refused."""
    require_nft()
    done = _run(["-f", "-"], text)
    if done.returncode:
        raise UserError(f"nft refuses the table of the host uplink: {_first_line(done.stderr)}")
    return read_table()


def read_table() -> str:
    """Return the table as the kernel has it, empty where there is none."""
    return _run(["list", "table", "inet", TABLE]).stdout


def remove_table() -> None:
    """Take the table away; no error if there is none."""
    if shutil.which("nft") is not None:
        _run(["-f", "-"], f"table inet {TABLE}\ndelete table inet {TABLE}\n")


def _run(arguments: list[str], text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["nft", *arguments], input=text, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0] or "it says nothing"
