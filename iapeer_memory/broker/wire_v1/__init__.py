"""The broker's wire, generation 1: frozen. Fields may be added in the reserved ranges; nothing here changes."""
