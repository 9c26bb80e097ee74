"""A short campaign, from the command line's entry points down: it runs, keeps to its budget and repeats."""

from pathlib import Path

import pytest

from tests.fuzz import broken_files
from tests.fuzz.campaign import Budget, Corpus, Tally, run_campaign
from tests.fuzz.corpus import CRAFTED
from tests.scale import scaled

pytestmark = pytest.mark.kernel

FRAMES = scaled(3000, jit_off=50)


def campaign(seed: int, folder: Path) -> Tally:
    """Return a short campaign's tally."""
    return run_campaign(seed, Budget(frames=FRAMES), Corpus(CRAFTED, broken_files.CRAFTED), print, folder)


def test_a_short_campaign_finds_nothing(seed: int, tmp_path: Path) -> None:
    tally = campaign(seed, tmp_path)
    assert tally.failures == []
    assert tally.frames == FRAMES
    assert sum(tally.verdicts.values()) == FRAMES


def test_one_seed_is_one_campaign(tmp_path: Path) -> None:
    assert campaign(3, tmp_path).verdicts == campaign(3, tmp_path).verdicts
