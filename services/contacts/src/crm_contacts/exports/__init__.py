"""Contacts and companies as CSV: what the lists show, whole, in a form that an import takes back."""
