"""How a book begins on the tables of another: who is still there keeps the numbers that he has.

So rows that are new, and those that they take the place of, mean the same by a number; and what leads to an end leads
to the one that was judged before. Only who is another than he was gets a number that the old rows do not know.
"""

from collections.abc import Mapping
from typing import Any

from control.model import Address
from control.policy.book import PolicyBook, Wanted
from control.policy.parties import BlockParty, Identity
from control.policy.roster import Member
from dataplane.generation.build import free_copy
from dataplane.policy.build import PolicyWriter
from dataplane.policy.former import find_former


def take_over(book: PolicyBook, writer: PolicyWriter, wanted: Wanted, indices: Mapping[str, int]) -> None:
    """Plan what is wanted in a book that has nothing yet, with the numbers that a former one gave out. ``indices``:
    those of ports by name."""
    book.plan(wanted)
    former = _Former(writer, indices)
    former.give_labels(book.roster.stranger, 0)
    for block in book.judges.blocks.values():
        former.give_block(block)
    for member in book.roster.members():
        former.give(member)


class _Former:
    """The numbers of a former writer; each is given once."""

    def __init__(self, writer: PolicyWriter, indices: Mapping[str, int]) -> None:
        state = writer.state
        self._left = writer.former
        self._fibs = {version: table.fib for version, table in writer.prefixes.items()}
        self._widths = {version: table.width for version, table in writer.prefixes.items()}
        self._ends: Any = state.policy_ends
        self._end_of_port = state.policy[1 - free_copy(state.control[0])].end_of_port
        self._indices = indices

    def give(self, member: Member) -> None:
        """Let a member be the end that it was, and its identity too if that has no number yet."""
        end = self._end_of(member)
        if not end:
            return
        if self._take("ends", end):
            member.end = end
        self.give_labels(member.identity, end)

    def give_labels(self, identity: Identity, end: int) -> None:
        """Let an identity have the number that an end had."""
        number = int(self._ends[end]["labels"])
        if not identity.number and self._take("labels", number):
            identity.number = number

    def give_block(self, block: BlockParty) -> None:
        """Let a block have the number and the end that its prefix had."""
        subnet = block.subnet
        end, length = self._find(subnet.network_address)
        if end and length == subnet.prefixlen != subnet.max_prefixlen:
            number = int(self._ends[end]["block"])
            if self._take("blocks", number):
                block.number = number
            if self._take("ends", end):
                block.end = end

    def _end_of(self, member: Member) -> int:
        if member.pod is not None and member.first is member and member.pod.port in self._indices:
            return int(self._end_of_port[self._indices[member.pod.port]])
        if member.address is None:
            return 0
        end, length = self._find(member.address)
        return end if length == member.address.max_prefixlen else 0

    def _find(self, address: Address) -> tuple[int, int]:
        return find_former(self._fibs[address.version], self._widths[address.version], int(address))

    def _take(self, kind: Any, number: int) -> bool:
        """Take a number out of those that are to be given back, if it is among them."""
        if number not in self._left[kind]:
            return False
        self._left[kind].discard(number)
        return True
