"""The broker process: its sockets, its page, its end."""
