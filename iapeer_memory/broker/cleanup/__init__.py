"""Removing what services left on disk, and never what somebody could miss."""
