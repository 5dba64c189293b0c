"""Codex: a table in `config.toml`, `hooks.json`, trust of hooks and folder, the vault as a writable root."""
