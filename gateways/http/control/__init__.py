"""The edge control plane (spec 03): for SIP nodes, agent apps and operators' tools. Not public."""
