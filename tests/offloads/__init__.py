"""Superframes and partial checksums, stage by stage: what they end as is what their frames would end as."""
