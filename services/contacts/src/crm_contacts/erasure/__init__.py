"""Erasure: an empty shell stays of a contact, and nothing that says who it was."""
