"""Random configurations and traffic from a seed: much that happens seldom, little of what always works."""
