"""What is wrong with the broker's surroundings: looked at, told, never mended."""
