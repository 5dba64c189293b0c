"""Who keeps memoryd alive, and which process memoryd is. Never signals a process without proof."""
