"""Which process exactly: names, identities, definitions, manifests and the broker's two wires. Serves no socket."""
