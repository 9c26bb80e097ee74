"""Capture files: read at the speed of memory, written from kernels (replay) and block by block (live capture).

``files.open_capture`` is the way in. Reading makes an index of the frames and leaves the bytes where they are.
"""
