"""How long deals stay in each stage: those that are in it, and those that left it."""
