"""Pages of docs/ that code knows best: `python -m control.docs` writes them, a test says when they are out of date.

python -m control.docs [FOLDER]      default: docs
"""

import sys
from collections.abc import Callable
from pathlib import Path

from dataplane.verdict import DROP_REASONS

PREAMBLE = """\
# Drop reasons

<!-- Written by `python -m control.docs` from dataplane/verdict.py. -->

A frame that does not go out has exactly one of these reasons. It is counted at the port where the frame came in:
`tapestry drops` shows the counters, `tapestry replay --verdicts FILE` the reason of each frame. Numbers are never
reused, names do not change.

| number | name | the frame … |
|---:|---|---|
"""


def drops_page() -> str:
    """Return docs/drops.md."""
    rows = (f"| {r.number} | `{r.name}` | {r.help}{' (retired)' if r.retired else ''} |\n" for r in DROP_REASONS)
    return PREAMBLE + "".join(rows)


PAGES: dict[str, Callable[[], str]] = {"drops.md": drops_page}


def write_pages(folder: Path) -> None:
    """Write every page into ``folder``."""
    for name, page in PAGES.items():
        (folder / name).write_text(page())


if __name__ == "__main__":
    write_pages(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
