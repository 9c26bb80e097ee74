"""Who may talk to whom: the objects, the tables that they become, and what packets meet."""
