"""The namespaces that the agent makes and therefore removes; those it finds are left alone."""

import threading
from collections.abc import Iterable

from control.agent.record import RecordFile
from control.agent.system import System
from control.errors import UserError


class Namespaces:
    """Makes namespaces on request and remembers, on disk, which ones are its own."""

    def __init__(self, system: System, record: RecordFile, made: Iterable[str] = ()) -> None:
        """``made``: those that the agent before this one made."""
        self._system = system
        self._record = record
        self._made = set(made)
        self._making = threading.Lock()

    @property
    def made(self) -> frozenset[str]:
        return frozenset(self._made)

    def ensure(self, name: str) -> None:
        """Make the namespace if it is missing; UserError if it cannot be made."""
        with self._making:
            if self._exists(name):
                return
            # Written down first: whatever happens between here and there, somebody knows that it is ours.
            self._made.add(name)
            self._remember()
            self._system.make_namespace(name)

    def remove(self, name: str) -> None:
        """Remove the namespace if it is one of ours."""
        if name in self._made:
            self._system.remove_namespace(name)
            self._made.discard(name)
            self._remember()

    def forget(self, name: str) -> None:
        """Note that somebody removed the namespace: what has its name from now on is not ours."""
        self._made.discard(name)
        self._remember()

    def remove_all(self) -> None:
        """Remove every namespace that is ours."""
        for name in sorted(self._made):
            self.remove(name)

    def _exists(self, name: str) -> bool:
        try:
            self._system.require_namespace(name)
        except UserError:
            return False
        return True

    def _remember(self) -> None:
        self._record.update(made_namespaces=self.made)
