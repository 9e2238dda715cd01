"""The projection made again from the topics, beside the live tables, and put in their place when it is complete."""
