"""What of a stream may go after its time: old checkpoints, savepoints, landing files. Listed first, deleted by the
checksum of the list."""
