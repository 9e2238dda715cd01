"""Dated rates to the base currency, and conversion by them."""
