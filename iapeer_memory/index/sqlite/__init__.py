"""The embedded engine: one SQLite file with FTS5. Serves one host without any set-up."""
