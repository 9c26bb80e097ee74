"""Address translation: what rewrites a packet's addresses and ports."""
