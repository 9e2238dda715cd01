"""How long deals stayed in stages: rows that follow from entries, and what they add up to."""
