"""On Google Cloud: what outlives bursts (the base), and what a burst on GKE makes and removes."""
