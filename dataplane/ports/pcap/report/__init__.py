"""What became of each frame of a replay, as JSON lines written by kernels."""
