"""A DHCP client (RFC 2131) for an address that no kernel interface has: the fabric's own at a NIC.

messages.py   the messages, and the frames around them
link.py       a packet socket that hears nothing else
client.py     when to say what
"""
