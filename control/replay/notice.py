"""Tell whoever waits that kernels are being compiled, which only happens once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from numba.core import event

NOTICE = "compiling the kernels; the next replay begins at once"


class FirstCompilation(event.Listener):
    """Calls ``say`` when numba begins to compile for the first time; loading from the cache is no compilation."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.said = False

    def on_start(self, happening: event.Event) -> None:
        if not self.said:
            self.said = True
            self.say(NOTICE)

    def on_end(self, happening: event.Event) -> None:
        pass


@contextmanager
def notice_of_compiling(say: Callable[[str], None]) -> Iterator[None]:
    """Within this context, say once that kernels are being compiled, if they are."""
    with event.install_listener("numba:compile", FirstCompilation(say)):
        yield
