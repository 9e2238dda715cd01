"""Reports read a standby while it is close behind the primary, and the primary otherwise."""
