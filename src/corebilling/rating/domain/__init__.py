"""Price models and the engine that computes with them. Exact, pure, without a clock."""
