"""The router: what becomes of frames that ask it something, and of packets sent to its MAC."""
