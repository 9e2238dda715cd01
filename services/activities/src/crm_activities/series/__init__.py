"""Series: what comes again by a rule, and its instances."""
