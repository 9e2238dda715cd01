"""How many of the deals that closed were won, by owner, month, source, or why they were lost."""
