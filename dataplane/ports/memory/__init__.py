"""Frames that lie in memory: what replay, benchmarks and tests feed the pipeline with."""
