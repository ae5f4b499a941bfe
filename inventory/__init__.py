"""Where hosts come from: one file a provider, and the inventory over all of them."""
