"""The broker's wire, generation 2: what it has beside generation 1, whose Frame and Hello it shares."""
