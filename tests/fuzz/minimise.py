"""A failing input made smaller, as far as that is quick: fewer frames first, then shorter ones."""

from collections.abc import Callable, Sequence

from tests.runs import Arrival

Fails = Callable[[Sequence[Arrival]], bool]


def minimise(arrivals: Sequence[Arrival], fails: Fails, patience: int = 400) -> list[Arrival]:
    """Return a part of ``arrivals``, in order, that still fails, after at most about ``patience`` tries."""
    kept = list(arrivals)
    step = max(1, len(kept) // 2)
    while patience > 0:
        kept, tries, removed = without_chunks(kept, step, fails, patience)
        patience -= tries
        if step == 1 and not removed:
            break
        step = max(1, step // 2)
    return shortened(kept, fails, patience)


def without_chunks(kept: list[Arrival], step: int, fails: Fails, patience: int) -> tuple[list[Arrival], int, bool]:
    """Return ``kept`` without those chunks of ``step`` frames that the failure does not need, the tries, and whether
    there were any."""
    at, tries, before = 0, 0, len(kept)
    while at < len(kept) and tries < patience:
        fewer = kept[:at] + kept[at + step :]
        tries += 1
        if fewer and fails(fewer):
            kept = fewer
        else:
            at += step
    return kept, tries, len(kept) < before


def shortened(kept: list[Arrival], fails: Fails, patience: int) -> list[Arrival]:
    """Return ``kept`` with each frame cut to its headers where the failure allows that."""
    for at, arrival in enumerate(kept):
        for length in (14, 18, 64):
            if length >= len(arrival.frame) or patience <= 0:
                break
            patience -= 1
            shorter = [*kept[:at], arrival._replace(frame=arrival.frame[:length]), *kept[at + 1 :]]
            if fails(shorter):
                kept = shorter
                break
    return kept
