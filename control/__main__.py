"""``python -m control``: the same as ``tapestry``."""

from control.cli import main

main()
