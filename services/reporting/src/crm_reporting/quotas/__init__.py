"""What each user is to win in each month."""
