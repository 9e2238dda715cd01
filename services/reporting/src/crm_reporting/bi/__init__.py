"""Logins for BI tools: each sees one tenant, through the views of schema `bi` (migration 0017)."""
