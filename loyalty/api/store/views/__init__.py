"""The calls of the store door, by subject."""
