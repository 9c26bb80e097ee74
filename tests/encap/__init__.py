"""The overlay's kernels: tables, headers and the two stages."""
