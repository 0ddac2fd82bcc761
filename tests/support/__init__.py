"""What tests share: a running system, and builders of facts."""
