"""How long each deal took from its first entry of a stage to each stage that it came to afterwards."""
