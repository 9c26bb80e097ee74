"""Where a route leads: next hops, and groups of them among which flows are spread."""
