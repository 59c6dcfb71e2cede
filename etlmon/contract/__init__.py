"""What a node says and how to ask it: one file a domain, structs and the endpoints that carry them."""
