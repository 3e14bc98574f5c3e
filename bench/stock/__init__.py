"""A store full of synthetic customers, numbers, contacts and waybills, for the measures that read it."""
