"""The answerer of names: endpoints of the asker's own network by name, everything else from the host's resolvers.

names.py       who has which name, out of the configuration; pure
answer.py      a query's bytes -> what is known here, or that others must be asked
resolvers.py   the host's resolvers
forward.py     asks them, over UDP and TCP
server.py      the sockets

The sockets lie in a namespace of the agent's own that has the gateways' addresses, and the router leads what is sent
there to them; the agent's own namespace asks the resolvers.
"""
