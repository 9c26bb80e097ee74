"""Connection tracking: which conversations there are, in which state, and how each is translated."""
