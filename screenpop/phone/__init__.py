"""The phone in the browser, on the server's side: which device, its passwords, the way to Asterisk."""
