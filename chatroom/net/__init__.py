"""The only server code that touches sockets: listener, connection, outbox, flusher."""
