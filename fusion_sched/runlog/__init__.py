"""What a run writes: `trace.jsonl` with its schema, the protocol hash, trackers."""
