"""The indexes behind the alias: one is live, another may be filled beside it, the last one is kept for a day."""
