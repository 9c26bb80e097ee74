"""What policies make of packets on their way: bridged, routed, to groups, in fragments, and what is exempt."""
