"""Deals: what is hoped to be sold, in which stage, and how it got there."""
