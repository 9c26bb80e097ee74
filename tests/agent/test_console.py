"""How far a cold start has come: nothing while it is quick, a line now and then where there is no terminal."""

import pytest

from control.agent.console import CompileProgress


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_warm_start_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    progress = CompileProgress(clock)
    for done in range(100):
        clock.now += 0.001
        progress.hear(0, done, 100)
    progress.finish()
    assert capsys.readouterr().err == ""


def test_a_cold_start_counts_the_kernels_of_all_workers(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    progress = CompileProgress(clock)
    progress.hear(0, 1, 70)
    clock.now = 6.0
    progress.hear(1, 4, 70)
    clock.now = 6.5
    progress.hear(0, 2, 70)
    clock.now = 12.0
    progress.hear(0, 30, 70)
    assert capsys.readouterr().err.splitlines() == [
        "tapestry: compiling kernels, 5 of 140 (once a version)",
        "tapestry: compiling kernels, 34 of 140 (once a version)",
    ]
