"""What a change has made different and nobody has written yet, and what it has left without any use."""

from typing import TYPE_CHECKING

from control.model import Address, Subnet

if TYPE_CHECKING:
    from control.policy.parties import BlockParty, Identity, Party
    from control.policy.roster import Member
    from control.policy.rows import Row, Selection


class Changed:
    """Notes of one change. What is written is taken out; what could not be written stays for the next attempt."""

    def __init__(self) -> None:
        self.members: dict[Member, None] = {}
        self.gone: dict[tuple[str, Address | None], Member] = {}
        """Members that left, by their pods' names and addresses: who comes back has the end that it had."""
        self.prefixes: dict[Subnet, None] = {}
        self.orphans: set[Address] = set()
        """Addresses that a pod had and no pod has: they may be something else, too."""
        self.identities: list[Identity] = []
        self.blocks: list[BlockParty] = []
        self.rows: list[Row] = []
        self.selections: list[Selection] = []
        """New ones, not worked out yet; so are the identities, blocks and rows."""
        self.numberless: list[Identity | BlockParty | Row] = []
        """Those of them that have no numbers yet."""
        self.unwritten: dict[Row, None] = {}
        """Rows that have a number, and no cells yet."""
        self.cells: dict[Row, dict[Party, None]] = {}
        self.idle_identities: dict[Identity, None] = {}
        self.idle_blocks: dict[BlockParty, None] = {}
        self.idle_rows: dict[Row, None] = {}

    def note_cell(self, row: "Row", party: "Party") -> None:
        """A cell is another."""
        self.cells.setdefault(row, {})[party] = None
