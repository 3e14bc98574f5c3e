"""Asterisk Manager Interface: wire, client, facts and the tracker that turns facts into call events."""
