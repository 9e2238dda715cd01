"""Pipelines with their stages. What is done to one stage, deals in it and all, is in `stages`."""
