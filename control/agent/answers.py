"""Answers of names, for the rules that let pods out by name: in force before the pod that asked has them.

Names that no rule asks for cost one look at the question.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from math import isfinite
from typing import TYPE_CHECKING

from control.errors import UserError
from control.policy.learned import LearnedNames, Watched

if TYPE_CHECKING:
    from control.fabric import Fabric
    from control.policy.model import Manifests

log = logging.getLogger(__name__)


class AnswerFeed:
    """Tells ``fabric`` under the lock that is held for every change; ``clock`` returns seconds, as the event loop's."""

    def __init__(
        self,
        fabric: "Fabric",
        changing: asyncio.Lock,
        on_change: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fabric = fabric
        self._changing = changing
        self._on_change = on_change
        self._clock = clock
        self._names = LearnedNames(fabric.policy.answers, clock())
        self._manifests: Manifests | None = None
        self._watched = Watched(None)
        self._news = self._told = 0
        """How often what is known has changed, and how much of that is in force."""
        self._expiry: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None

    async def hear(self, answer: bytes) -> None:
        """Take in an answer that is about to be given. Where it cannot be held, the pod may not go there."""
        from control.dns.told import name_asked_for, read_answer

        if name_asked_for(answer) not in self._wanted():
            return
        told = read_answer(answer)
        if told is not None and self._names.learn(told.name, told.addresses, told.ttl_s, self._clock()):
            self._news += 1
        if self._told != self._news:  # Another asker's answer may be on its way into the tables.
            await self._tell()
        elif self._expiry is None:
            self._watch()

    def close(self) -> None:
        """Stop waiting for answers to be over."""
        if self._expiry is not None:
            self._expiry.cancel()

    def _wanted(self) -> Watched:
        manifests = self._fabric.configuration.manifests
        if manifests is not self._manifests:
            self._manifests, self._watched = manifests, Watched(manifests)
        return self._watched

    async def _tell(self) -> None:
        async with self._changing:
            news = self._news
            if news == self._told:
                return
            try:
                await asyncio.to_thread(self._fabric.policy.learn, self._names.addresses())
            except UserError as error:
                log.warning("names: %s", error)
            else:
                self._on_change()
            self._told = news
        self._watch()

    def _watch(self) -> None:
        """Wait for the next address to be over."""
        self.close()
        end = self._names.next_expiry()
        if isfinite(end):
            self._expiry = asyncio.get_running_loop().call_at(end, self.end_those_over)

    async def settled(self) -> None:
        """Wait until what was over is in force."""
        if self._ending is not None:
            await self._ending

    def end_those_over(self) -> None:
        """Let addresses count no more whose time is over."""
        if self._names.expire(self._clock()):
            self._news += 1
            self._ending = asyncio.create_task(self._tell())
        else:
            self._watch()
