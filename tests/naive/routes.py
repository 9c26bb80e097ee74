"""Longest-prefix match by hand: a dictionary of prefixes, asked for one length after the other."""

from dataplane.route.rib import Route


class NaiveRoutes:
    """Routes for addresses of ``width`` bits."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.groups: dict[tuple[int, int], int] = {}

    def add(self, route: Route) -> None:
        self.groups[route.address, route.length] = route.group

    def remove(self, address: int, length: int) -> None:
        del self.groups[address, length]

    def find(self, address: int) -> int:
        """Return the group of the longest prefix that covers the address, 0 if none does."""
        for length in range(self.width, -1, -1):
            beyond = self.width - length
            group = self.groups.get((address >> beyond << beyond, length))
            if group is not None:
                return group
        return 0

    def routes(self) -> list[Route]:
        return [Route(address, length, group) for (address, length), group in self.groups.items()]
