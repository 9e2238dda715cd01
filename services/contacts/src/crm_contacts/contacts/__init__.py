"""Contacts: people, how to reach them and where they work."""
