"""Duplicates: which contacts may be the same person, found off the write path, scored with reasons."""
