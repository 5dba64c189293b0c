"""Plain data, settings, paths, errors and the ports that are injected upward. Imports nothing of ours."""
