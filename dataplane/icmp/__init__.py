"""What a router says about packets, in their own slots: echo replies, ICMP errors, and TCP resets."""
