"""Three systemd hosts on this machine, for the Ansible roles to be tried on: nspawn, a bridge, ssh."""
