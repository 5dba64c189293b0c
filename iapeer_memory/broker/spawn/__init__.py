"""Starting backends, waiting for them, and letting go of those that crashed or that nobody uses."""
