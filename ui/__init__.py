"""The terminal UI: asks many nodes and shows what they say."""
