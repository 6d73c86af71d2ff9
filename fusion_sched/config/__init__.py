"""From a composed configuration to the components of a run."""
