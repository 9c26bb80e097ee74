"""How memory is laid out: what is true of every table."""

from typing import Final

LINE_BYTES: Final = 64
"""One cache line. Arrays that are copied by whole lines keep this much slack at their end."""
