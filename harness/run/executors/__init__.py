"""Where attempts are made: in this process, or by workers of a Ray cluster."""
