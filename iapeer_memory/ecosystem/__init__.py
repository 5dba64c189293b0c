"""The ecosystem's core as we see it: its list, its slot, its levers and its messenger."""
