"""Changing the host: one tuple of steps, the plan, the lock, the journal; verify and repair are the same steps."""
