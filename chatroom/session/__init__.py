"""One person's visit: the login dialogue, then talking, through one of the faces."""
