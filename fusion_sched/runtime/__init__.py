"""The machine: device, seeds, versions, several processes, files and checkpoints."""
