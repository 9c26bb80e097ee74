"""What the router says about packets."""
