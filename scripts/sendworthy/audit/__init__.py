"""What a list must pass before it is released: the gate, the render check, the limits, and alerts of a held-back campaign."""
