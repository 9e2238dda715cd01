"""How soon each rep answered what customers wrote, and what still waits for an answer."""
