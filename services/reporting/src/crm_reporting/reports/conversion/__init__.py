"""How many deals that entered a stage came to another later."""
