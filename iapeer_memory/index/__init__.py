"""Where notes are found: port.py says what an engine must do; each engine is a room of its own."""
