"""wsol: a benchmark suite for weakly supervised object localization."""
