"""Fragments: later ones follow the first, and packets too large for their way out are cut."""
