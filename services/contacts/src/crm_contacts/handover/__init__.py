"""Contacts, companies and shares of users who left."""
