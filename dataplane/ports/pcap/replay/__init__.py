"""The compiled loop of `tapestry replay`; ``control/replay`` opens the files and drives it."""
