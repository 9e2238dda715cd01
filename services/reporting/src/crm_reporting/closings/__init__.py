"""What closed on each day: the sums that reports of closings are made of."""
