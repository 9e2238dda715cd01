"""Deals as CSV: what the list shows, whole."""
