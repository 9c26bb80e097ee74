"""Who has which MAC: messages between neighbours, read, answered and written."""
