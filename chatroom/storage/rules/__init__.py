"""What both engines decide in the same way: no I/O, no sealing."""
