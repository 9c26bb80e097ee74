"""Where every field of every table lies, as text: `python -m tests.layouts` writes tests/layouts.txt.

The text is compared by a test, so that no offset changes unseen. Processes of two versions never share memory whatever
the text says: the memory carries a digest of its layout.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.sources import find, loaded_with, modules

PINNED = Path(__file__).with_name("layouts.txt")


def dtypes() -> dict[str, np.dtype]:
    """Return all structured dtypes of the dataplane by ``module.NAME``, those of modules that do not compile."""
    found = {}
    for module in modules():
        if module.package == "control" or "numba" in loaded_with(module.name) or "_DTYPE" not in module.text:
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            defined_here = f"\n{name}: Final = np.dtype(" in module.text
            if defined_here and isinstance(value, np.dtype):
                found[f"{module.name}.{name}"] = value
    return dict(sorted(found.items()))


def describe(name: str, dtype: np.dtype) -> Iterator[str]:
    """Yield the dtype's name and size in bytes, then each field: offset, name, type."""
    yield f"{name}: {dtype.itemsize} bytes, aligned to {dtype.alignment}"
    for field in dtype.names or ():
        inner, offset = dtype.fields[field][:2]
        yield f"{offset:10}  {field:24} {type_name(inner)}"
    yield ""


def type_name(dtype: np.dtype) -> str:
    """Return what a field is: a number as numpy names it, or the size of a record; and how many of it."""
    base = dtype.base
    kind = f"record of {base.itemsize} bytes" if base.names else base.str
    return kind + "".join(f"[{length}]" for length in dtype.shape)


def describe_layouts() -> str:
    """Return the whole text."""
    return "\n".join(line for name, dtype in dtypes().items() for line in describe(name, dtype))


if __name__ == "__main__":
    assert find("dataplane.vector")
    PINNED.write_text(describe_layouts())
