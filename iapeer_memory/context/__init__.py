"""From a peer to the text its session starts with. Pure."""
