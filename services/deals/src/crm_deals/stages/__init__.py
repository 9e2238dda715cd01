"""A pipeline's stages, changed one by one: each change is the pipeline's, and takes the deals in them along."""
