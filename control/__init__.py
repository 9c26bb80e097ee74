"""All that a packet never touches: configuration, the agent, its API and the command line."""
