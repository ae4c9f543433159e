"""What a list must pass before it is released: the gate, the render check, the limits, and whom a held-back campaign is told to."""
