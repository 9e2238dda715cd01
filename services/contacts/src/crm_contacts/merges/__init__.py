"""Two contacts that are one person: merged, and the merge undone."""
