"""Bytes in, bytes out: JSON and TOML edits that leave foreign bytes alone, and the guard that proves it. No I/O."""
