"""What becomes of notes once written: who edited them, what waits for a curator, what goes to the archive."""
