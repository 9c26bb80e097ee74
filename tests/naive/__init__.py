"""The naive twin: the switch read aloud in plain Python, slow and obvious, to compare the compiled one with."""
