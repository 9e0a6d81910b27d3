"""The command line's verbs, a module for each family; `deploy.cli` parses and calls `run(args)`."""
