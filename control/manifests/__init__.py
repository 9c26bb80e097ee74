"""Manifests: Kubernetes' own YAML and JSON -> the objects that policies are made of, every mistake told with its place.

documents.py   text -> documents -> plain data, by a parser in C; scalars.py: what plain text stands for
notes.py       mistakes and warnings, whose lines are looked for only where there are any
objects.py     a document -> its objects: kinds, lists; metadata.py, selectors.py, blocks.py: what kinds share
networkpolicy.py, clusterpolicy.py, cluster.py   one kind each
files.py       files and folders; library.py: all of them -> Manifests, and what has changed since
exchange.py    Manifests -> Manifests with some objects in place of others
"""

from control.manifests.library import Found, Library, read_manifests

__all__ = ["Found", "Library", "read_manifests"]
