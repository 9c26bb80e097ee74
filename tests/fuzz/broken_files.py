"""Capture files with damage: the compiled readers index them as the naive ones do, up to the same break.

Damage leaves a file's magic number and, in a classic file, its header alone: what is wrong there is refused in Python.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from random import Random

from tests.capture_files import craft, naive, read
from tests.fuzz.corpus import MAGICS, unpacked
from tests.fuzz.regressions import FOLDER

LARGEST = 20_000
PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"
WORDS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 20, 28, 32, 0x0A0D0D0A, 262_144, 262_145, 2**31 - 1, 2**31, 2**32 - 1)

CRAFTED = (
    craft.every_kind_of_block("<") + craft.every_kind_of_block(">"),
    craft.classic([(1, 2, bytes(60)), (3, 4, bytes(14))], ">", craft.MODIFIED),
    craft.classic([(1, 2, bytes(60)), (3, 4, b""), (2**32 - 1, 999_999_999, bytes(14))], "<", craft.NANOSECONDS),
)


def load_files(folder: Path | None, random: Random, most: int = 100) -> tuple[bytes, ...]:
    """Return crafted capture files and up to ``most`` small ones of ``folder``."""
    paths = sorted(path for path in folder.iterdir() if path.is_file()) if folder else []
    small = [path for path in paths if path.stat().st_size <= LARGEST]
    contents = [path.read_bytes() for path in random.sample(small, min(most, len(small)))]
    plain = [unpacked(data) if data[:2] == b"\x1f\x8b" else data for data in contents]
    return (*CRAFTED, *(data for data in plain if data[:4] in MAGICS and len(data) >= 28))


def damaged(random: Random, data: bytes) -> bytes:
    """Return ``data`` with bits flipped, words replaced, and its end lost or another begun."""
    start = 4 if data[:4] == PCAPNG_MAGIC else 24
    changed = bytearray(data)
    for _ in range(random.randint(0, 6)):
        at = random.randrange(start, len(changed))
        if random.random() < 0.5:
            changed[at] ^= 1 << random.randrange(8)
        else:
            word = random.choice(WORDS).to_bytes(4, random.choice(("little", "big")))
            changed[at : at + 4] = word[: len(changed) - at]
    if random.random() < 0.3:
        del changed[random.randrange(start, len(changed)) :]
    if random.random() < 0.2:
        changed += random.randbytes(random.randrange(40))
    return bytes(changed)


def complaint_about_file(data: bytes, at_once: int) -> str | None:
    """Return how the compiled reader and the naive one differ about ``data``, or None."""
    try:
        found, expected = read.index(data, at_once), naive.index(data)
    except Exception as error:  # a crash is a finding like any other
        return f"{type(error).__name__}: {error}"
    return None if found == expected else f"the twin reads {expected}, the compiled reader {found}"


def keep_file(data: bytes, folder: Path = FOLDER) -> str:
    """Keep a file about which there was a complaint; return its name."""
    name = f"file-{hashlib.blake2b(data, digest_size=4).hexdigest()}.broken"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    return name


def kept_files(folder: Path = FOLDER) -> Sequence[Path]:
    """Return all kept files."""
    return sorted(folder.glob("*.broken"))
