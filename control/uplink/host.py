"""The host's side of a host uplink: settings, routes and the table, set up, looked after, and taken away again.

Goals: applying the same plan twice changes nothing; what somebody else undoes is seen and done again; whatever dies,
the next agent on the run directory knows what was there before us (``before``, which it keeps in its record) and puts
it back when it is no longer wanted.

Every call may block for some ten milliseconds (nft, netlink): make them from a thread, one at a time.
"""

import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from control.errors import UserError
from control.uplink import nft, routes, sysctls
from control.uplink.conflicts import require_free
from control.uplink.plan import HostPlan, Lead
from control.uplink.ruleset import render_ruleset

Remember = Callable[[Mapping[str, str]], None]


class HostRouting:
    """What the host has for us now. ``before`` is what it had, empty while we changed nothing."""

    def __init__(self, before: Mapping[str, str], remember: Remember) -> None:
        """``before`` is what an earlier agent found; ``remember`` writes it down for a later one."""
        self.before = dict(before)
        self._remember = remember
        self._plan: HostPlan | None = None
        self._text = ""
        self._seen = ""

    def check(self, plan: HostPlan, present: Sequence[Lead]) -> None:
        """Raise UserError if the plan cannot be carried out, before anything is; ``present`` ports are ours already."""
        nft.require_nft()
        routes.check_routes(plan)
        require_free([lead for lead in plan.leads if lead not in present])

    def apply(self, plan: HostPlan) -> None:
        """Set everything up; the TAP must be there. UserError where the host refuses."""
        unknown = [version for version in plan.versions if sysctls.FORWARDING[version] not in self.before]
        if unknown:
            self.before = sysctls.read_before(unknown, plan.ifname) | self.before
            self._remember(self.before)  # Before anything is changed: whoever comes next can put it back.
        self._plan = plan
        text = render_ruleset(plan, sysctls.closed_devices(self.before))
        if text != self._text or nft.read_table() != self._seen:
            self._seen, self._text = nft.load_ruleset(text), text  # Before forwarding is on.
        sysctls.turn_on(plan.versions, plan.ifname, self.before)
        try:
            routes.set_routes(plan)
        except OSError as error:
            raise UserError(f"cannot make the host's routes to the fabric: {error}") from error

    def look_after(self) -> str | None:
        """Do again what somebody undid; return a sentence that says what it was, None if all is well."""
        plan = self._plan
        if plan is None or not _is_there(plan.ifname):
            return None
        undone = []
        if nft.read_table() != self._seen:
            undone.append("its nftables table")
        if not sysctls.are_on(plan.versions, plan.ifname):
            undone.append("forwarding")
        if not routes.has_routes(plan):
            undone.append("its routes")
        if not undone:
            return None
        self.apply(plan)
        return f"somebody changed what the host uplink needs ({', '.join(undone)}): it is set up again"

    def remove(self) -> None:
        """Take everything away and put back what was there; the routes go with the TAP."""
        if self.before:
            nft.remove_table()
            with suppress(UserError):
                sysctls.restore(self.before)
            self.before = {}
            self._remember(self.before)
        self._plan, self._text, self._seen = None, "", ""


def _is_there(ifname: str) -> bool:
    try:
        socket.if_nametoindex(ifname)
    except OSError:
        return False
    return True
