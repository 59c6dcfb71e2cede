"""What a rule of alerts says, how it is written, and the shapes in which the engine and the store speak of alerts."""
