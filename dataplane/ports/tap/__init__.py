"""TAP devices: one ``readv`` or ``writev`` a frame, which is all the kernel offers for them."""
