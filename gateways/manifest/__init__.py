"""Configuration as code: YAML files, the plan to make the store say the same, and exports.

What a file means stands in `domain/manifest`. Here it is read (with the line of every fault), met
with the store and the encrypted store, carried out, and written.
"""

from gateways.manifest.applying import Plan, apply, carry_out, plan, stored
from gateways.manifest.reading import Manifest, located, parse
from gateways.manifest.writing import written

__all__ = [
    "Manifest",
    "Plan",
    "apply",
    "carry_out",
    "located",
    "parse",
    "plan",
    "stored",
    "written",
]
