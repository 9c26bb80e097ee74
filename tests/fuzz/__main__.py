"""`python -m tests.fuzz --minutes M | --frames N [--seed S]`: fuzz the pipeline with bounds checks on.

Prints the seed first, then progress, then what the frames met. Exit status 1 if an input failed: it is kept in
tests/fuzz/regressions, from where the test suite replays it.
"""

import argparse
import os
import random
import sys
from pathlib import Path

os.environ.setdefault("NUMBA_BOUNDSCHECK", "1")


def parse_arguments() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the packet pipeline.")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float, help="how long (default: 1)")
    budget.add_argument("--frames", type=int, help="how many frames")
    parser.add_argument("--seed", type=int, help="repeat the run that printed this seed")
    parser.add_argument("--captures", type=Path, help="a folder of captures to begin from")
    return parser.parse_args()


def main() -> int:
    """Run one campaign; return the exit status."""
    options = parse_arguments()
    from tests.fuzz.broken_files import load_files  # imports kernels: after the environment is set
    from tests.fuzz.campaign import Budget, Corpus, run_campaign
    from tests.fuzz.corpus import captures_folder, load_corpus

    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    folder, draw = options.captures or captures_folder(), random.Random(seed)
    corpus = Corpus(load_corpus(folder, draw), load_files(folder, draw))
    print(f"seed {seed}, {len(corpus.frames)} frames and {len(corpus.files)} files to begin from", flush=True)
    if options.frames is not None:
        budget = Budget(frames=options.frames)
    else:
        budget = Budget(seconds=60 * (1.0 if options.minutes is None else options.minutes))
    tally = run_campaign(seed, budget, corpus, lambda line: print(line, flush=True))
    for name, frames in sorted(tally.verdicts.items(), key=lambda item: -item[1]):
        print(f"{frames:10} {name}")
    print(f"{tally.progress()} (seed {seed})")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
