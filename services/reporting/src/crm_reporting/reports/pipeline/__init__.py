"""The pipeline stage by stage, now or at a past moment."""
