"""Dealing out the places of a spread by weight, with as few of them moved as may be."""

from collections.abc import Mapping

from dataplane.route.hops.tables import MEMBERS, PLACES


class InvalidGroupError(ValueError):
    """A group that cannot be."""


def shares(weights: Mapping[int, int]) -> dict[int, int]:
    """Return how many places each member has: in proportion to its weight, one at least, PLACES together."""
    if not 1 <= len(weights) <= MEMBERS:
        raise InvalidGroupError(f"a group of 1 to {MEMBERS} next hops was expected, found {len(weights)}")
    for hop, weight in weights.items():
        if weight < 1:
            raise InvalidGroupError(f"a weight of 1 or more was expected, found {weight} for next hop {hop}")
    total = sum(weights.values())
    places = {hop: max(1, PLACES * weight // total) for hop, weight in weights.items()}
    behind = sorted(weights, key=lambda hop: (places[hop] * total - PLACES * weights[hop], hop))
    missing = PLACES - sum(places.values())
    for n in range(missing):
        places[behind[n]] += 1
    while missing < 0:  # Members of less than a 256th got one place each: those with the most give.
        places[max(places, key=lambda hop: (places[hop], hop))] -= 1
        missing += 1
    return places


def deal(places: list[int], weights: Mapping[int, int]) -> list[int]:
    """Return the members by place, like ``places`` wherever a member may keep what it has."""
    left = shares(weights)
    dealt = [0] * PLACES
    open_places = []
    for place, hop in enumerate(places):
        if left.get(hop, 0):
            dealt[place] = hop
            left[hop] -= 1
        else:
            open_places.append(place)
    # The members take turns, so that no member's places stand together.
    waiting = [hop for hop in left if left[hop]]
    for n, place in enumerate(open_places):
        hop = waiting[n % len(waiting)]
        dealt[place] = hop
        left[hop] -= 1
        if not left[hop]:
            waiting.remove(hop)
    return dealt
