"""Labelled contacts with duplicates and people who look like them; how well matching tells them apart, and its cost."""
