"""The agent: one asyncio process that turns configuration into tables, devices and worker processes.

Theory of operation. The agent owns everything that can be asked for or go wrong; no frame ever passes through it.

- ``instance`` is the agent's core: the desired state (file + attached ports), the Fabric, the keepers, the workers.
- ``keeper`` keeps one port's device up: opens it, hands it to the workers, notices its loss, tries again.
- ``workers`` starts worker processes, gives them tables and devices, replaces one that dies, adopts orphans.
- ``record`` is what a next agent must know to take over; ``rundir`` is where it and the sockets live.
- ``lifecycle`` is the process: start, signals, reload, stop.

Invariants: the workers forward whatever the agent does, short of being told to stop. The record is on disk before the
thing it tells of can be left behind. Everything that the agent made is gone when it stops; what it found is left alone.
"""
