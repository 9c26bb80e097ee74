"""`tapestry bench`: the pipeline in memory, frames copied in, all stages and counters on, what comes out discarded."""
