"""Messages between neighbours."""
