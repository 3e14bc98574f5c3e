"""Parts of the bench of call control."""
