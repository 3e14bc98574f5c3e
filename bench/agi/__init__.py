"""Parts of the FastAGI benches: one server per contender, one client for all."""
