"""Policy: who may talk to whom. Asked of a conversation's first packet, and again when the answer may be another."""
