"""What each rep has won of what they were to win, and what is still open."""
