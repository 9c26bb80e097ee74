"""Everything the agent does to the machine: namespaces, devices, packet sockets, link state and what a start-up needs.

``namespaces`` finds, makes and enters network namespaces; ``taps`` and ``packet`` open what workers forward through;
``links`` and ``watch`` say what became of an interface; ``rootless`` and ``enter`` cross into the namespaces of an
ordinary user's agent or of a port; ``doctor`` says what the machine has and lacks. Nothing here imports numba, and
pyroute2 (0.15 s to import) is imported by the functions that need it.
"""
