"""What each rep has won."""
