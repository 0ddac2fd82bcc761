"""The edge control plane without a wire: the same answers over HTTP and over the bus (spec 03)."""
