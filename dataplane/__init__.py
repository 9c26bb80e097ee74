"""All that a packet touches. Read ``pipeline.py`` first: a packet's way on one screen."""
