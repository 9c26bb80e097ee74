"""Superframes: many segments of one flow behind one header, cut where a wire needs frames and merged where it does not.

A superframe's virtio-net header says what it stands for (``dataplane/virtio.py``). Within the fabric it passes whole.
"""
