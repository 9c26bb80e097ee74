"""One worker process: a compiled loop over its devices, and the little Python that serves the agent between bursts."""
