"""Asterisk for the hotline: its configuration from the settings, a private instance, simulated phones."""
