"""What is won and what may be, month by month of closing."""
