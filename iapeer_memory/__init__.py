"""iapeer-memory: one shared long-term memory for the coding agents of a host."""

__version__ = "0.6.0"
