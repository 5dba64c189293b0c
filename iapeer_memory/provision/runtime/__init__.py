"""Private, versioned runtimes: made beside the running one, switched atomically, pruned when nobody uses them."""
