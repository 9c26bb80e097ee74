"""The one place that names numba options and the compiled kernels' cache.

numba decides whether a cached kernel is stale by the time stamp of the file that defines it alone: a callee edited in
another file would go unnoticed. So every set of kernel sources gets a cache folder of its own, named by a digest of all
of them and of whatever else shapes the machine code. Nothing in such a folder can be stale.

``TAPESTRY_CACHE_DIR`` moves the folder; ``NUMBA_DISABLE_JIT=1`` runs kernels as plain Python and
``NUMBA_BOUNDSCHECK=1`` checks every index, each with a cache of its own.
"""

import hashlib
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import llvmlite
import numba
import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])

KERNEL_PACKAGES = ("dataplane", "encap", "nat")
KEPT_CACHES = 6
DIGEST_BYTES = 10

OPTIONS_OF_NUMBA: Any = numba.config
JIT_DISABLED = bool(OPTIONS_OF_NUMBA.DISABLE_JIT)
CHECKS_BOUNDS = bool(OPTIONS_OF_NUMBA.BOUNDSCHECK)


def source_digest(root: Path) -> str:
    """Return a digest of every Python source below ``root`` that kernels may be compiled from."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for package in KERNEL_PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    versions = (sys.version, np.__version__, numba.__version__, llvmlite.__version__, platform.machine())
    options = (
        OPTIONS_OF_NUMBA.BOUNDSCHECK,
        OPTIONS_OF_NUMBA.OPT,
        OPTIONS_OF_NUMBA.CPU_NAME,
        OPTIONS_OF_NUMBA.CPU_FEATURES,
    )
    digest.update(repr((versions, options)).encode())
    return digest.hexdigest()


def cache_home() -> Path:
    """Return the folder that holds one cache folder per set of sources."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(os.environ.get("TAPESTRY_CACHE_DIR") or os.path.join(base, "tapestry", "kernels"))


def use_cache(folder: Path) -> bool:
    """Make numba keep its compiled code in ``folder``; False if it cannot be written.

    Then there is no cache at all: numba's own choice would lie beside the sources and could be stale.
    """
    try:
        is_new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
    except OSError:
        return False
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    if is_new:
        drop_old_caches(folder.parent)
    OPTIONS_OF_NUMBA.CACHE_DIR = str(folder)
    return True


def drop_old_caches(home: Path) -> None:
    """Remove all but the few cache folders that were used last, so that edits do not fill the disk."""
    with suppress(OSError):  # Another process may be at the same.
        caches = [folder for folder in home.iterdir() if re.fullmatch(f"[0-9a-f]{{{2 * DIGEST_BYTES}}}", folder.name)]
        caches.sort(key=lambda folder: folder.stat().st_mtime, reverse=True)
        for folder in caches[KEPT_CACHES:]:
            shutil.rmtree(folder, ignore_errors=True)


CACHE_FOLDER = cache_home() / source_digest(Path(__file__).resolve().parent.parent)


OPTIONS: dict[str, Any] = {
    "cache": use_cache(CACHE_FOLDER),
    "nogil": True,  # a worker's other threads may run meanwhile
    "error_model": "numpy",  # division does not raise
    "_nrt": False,  # no allocation, and so no reference counts: those cost half of the packet rate
}

KERNELS: list[str] = []
"""The names of all kernels imported so far, which is how many there are to compile at most."""


def kernel(function: Function) -> Function:
    """Compile ``function`` to machine code on first call, without the interpreter, and cache it on disk.

    A kernel can neither allocate nor return an array that it made: numba refuses to compile that.
    """
    KERNELS.append(function.__name__)
    return numba.njit(**OPTIONS)(function)


def inlined(function: Function) -> Function:
    """Compile a small kernel into each of its callers: for what runs for every packet."""
    KERNELS.append(function.__name__)
    return numba.njit(**OPTIONS, forceinline=True)(function)


def expanded(function: Function) -> Function:
    """Put a function into its callers before they are compiled, so that it may return what a kernel cannot: records and
    tuples of them."""
    return numba.njit(**OPTIONS, inline="always")(function)
