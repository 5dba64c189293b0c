"""What a harness calls, run by file path: standard library only, and no import of ours."""
