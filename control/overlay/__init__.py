"""The other nodes of an overlay: what each has (claims.py), who says so (store.py), and what a restart keeps of it."""
