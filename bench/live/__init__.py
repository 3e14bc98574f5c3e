"""Parts of the measure of live help."""
