"""From a frame's payload to columns: the IP header, and what of the transport header tells conversations apart."""
