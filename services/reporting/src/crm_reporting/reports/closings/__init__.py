"""Deals that closed in a window, in groups: what win rate, leaderboard and velocity are made of."""
