"""Files come in: their bytes are kept, within limits, until the worker takes them up."""
