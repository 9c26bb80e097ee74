"""The namespaces that the agent makes and therefore removes; those it finds are left alone."""

import threading
from collections.abc import Iterable

from control.agent.record import RecordFile
from control.agent.system import System
from control.errors import UserError


class Namespaces:
    """Makes namespaces on request and remembers, on disk, which are its own. Safe to call from any thread."""

    def __init__(self, system: System, record: RecordFile, made: Iterable[str] = ()) -> None:
        """``made``: those that the agent before this one made."""
        self._system = system
        self._record = record
        self._made = set(made)
        self._changing = threading.Lock()

    @property
    def made(self) -> frozenset[str]:
        return frozenset(self._made)

    def ensure(self, names: Iterable[str]) -> None:
        """Make the namespaces that are missing; UserError if one cannot be made."""
        with self._changing:
            missing = [name for name in names if not self._exists(name)]
            # Written down first: whatever happens between here and there, somebody knows that they are ours.
            self._remember(self._made | set(missing))
            made = set()
            try:
                for name in missing:
                    self._system.make_namespace(name)
                    made.add(name)
            except UserError:
                self._remember(self._made - (set(missing) - made))
                raise

    def remove(self, names: Iterable[str]) -> None:
        """Remove those of the namespaces that are ours."""
        with self._changing:
            ours = self._made & set(names)
            for name in sorted(ours):
                self._system.remove_namespace(name)
            self._remember(self._made - ours)

    def forget(self, name: str) -> None:
        """Note that somebody removed the namespace: what has its name from now on is not ours."""
        with self._changing:
            self._remember(self._made - {name})

    def _exists(self, name: str) -> bool:
        try:
            self._system.require_namespace(name)
        except UserError:
            return False
        return True

    def _remember(self, made: set[str]) -> None:
        self._made = made
        self._record.update(made_namespaces=self.made)
