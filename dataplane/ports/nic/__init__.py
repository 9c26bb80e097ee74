"""Interfaces of the host through AF_PACKET: a receive ring mapped into the worker, and ``sendmmsg``."""
