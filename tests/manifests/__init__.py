"""Manifests: what they mean, what is refused, and how changes of their files are taken in."""
