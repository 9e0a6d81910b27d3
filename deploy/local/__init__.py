"""The one-machine cluster: real daemons as processes of this machine, on loopback, under one instance directory."""
