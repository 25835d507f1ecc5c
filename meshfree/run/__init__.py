"""The command line: flags, defaults, a study, and its tables."""
