"""What a broker answers, and why: decisions on bytes and plain values. Sockets, files and processes are handed in."""
