"""Running the server: logs, the operator's commands."""
