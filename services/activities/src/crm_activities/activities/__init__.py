"""Activities: what was done or is to be done with a contact or for a deal, and by whom."""
