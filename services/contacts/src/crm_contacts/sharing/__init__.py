"""Shares: who else may see or change a contact."""
