"""A step a file. Each inspects without effect and applies through the door."""
