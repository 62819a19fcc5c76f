"""What the tests stand on: the command, benchmark folders, archives, and the parts that a build meets."""
