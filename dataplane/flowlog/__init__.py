"""The flow log: what begins, ends and is refused, through a ring in shared memory, for whoever observes."""
