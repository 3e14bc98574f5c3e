"""The door to Asterisk's REST interface (ARI)."""
