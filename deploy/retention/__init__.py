"""What of a stream may go after its time: old checkpoints, savepoints, landing files and their archive. Listed
first, done by the checksum of the list."""
