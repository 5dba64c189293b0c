"""What agents may ask of the memory: one file a tool, free of any transport.

`table.Tools` lists and calls them over the port `memory.Memory`, whoever carries the call.
"""
