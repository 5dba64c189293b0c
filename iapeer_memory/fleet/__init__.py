"""Who the peers are: from the ecosystem's core or from our own registry; the fleet map; discovery."""
