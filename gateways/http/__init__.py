"""HTTP, a folder per audience: `control` for edges, `v1` for integrators."""
