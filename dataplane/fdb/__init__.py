"""The forwarding database: learning, ageing, static entries."""
