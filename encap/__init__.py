"""Tunnels: what wraps a frame to carry it between nodes."""
