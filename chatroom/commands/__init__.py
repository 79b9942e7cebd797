"""What a line that starts with ``/`` may do: one table, and one file for each family."""
