"""How fast and how big mng is, beside the original, in one run on one machine."""
