"""Where backends serve HTTP, and the one page that shows them all. No sockets here."""
