"""IRC clients that others have made, with a real server: `make test-clients`."""
