"""The only door to the host: files, processes, signals, listeners, database files, locks, http, clock, randomness."""
