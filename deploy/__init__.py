"""How the application gets onto a cluster and stays there; shared by the command line and the DAGs."""
