"""The node: watches one host, keeps what it saw, answers over HTTP."""
