"""MCP over HTTP: bytes of a request in, bytes of an answer out. Holds nothing between two requests."""
