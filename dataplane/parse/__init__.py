"""Reading headers into columns, behind one length gate."""
