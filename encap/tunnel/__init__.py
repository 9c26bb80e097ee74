"""The overlay's two stages: out of the tunnel before admission, into it after everything else."""
