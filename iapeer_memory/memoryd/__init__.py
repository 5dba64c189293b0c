"""The daemon: watching, passes, MCP over HTTP, health. app.py puts it together."""
