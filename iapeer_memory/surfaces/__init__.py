"""What a peer gets: each harness says what our part is, how to tell it from foreign text, and what drift is."""
