"""What must hold, tried on the real program over real sockets."""
