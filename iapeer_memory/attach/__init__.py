"""The session-attach wire: a harness session binds once, then talks over a channel of its own."""
