"""What several services do alike, each built on what stands beside this folder."""
