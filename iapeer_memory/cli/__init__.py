"""Words in, words out: a file a command; commands load lazily; the only room that knows Typer."""
