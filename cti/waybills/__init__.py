"""Where parcels are: the port that the self-service asks, over SQL or over the owner's own HTTP service."""
