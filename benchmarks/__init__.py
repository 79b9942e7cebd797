"""Measures the chat server against others: ``python -m benchmarks`` (or ``make bench``).

What is measured: deliveries a second when people talk as fast as they are heard (flood), how late a
message is at a moderate pace (paced), memory and CPU of people who are silent (idle), how long it
takes until all are in (ramp), what people who never read cost the others (slow), and what one sync
of the disk costs.

One thread plays all the people. Server and generator get a core each; the servers take turns, each
run has a fresh server, and a run in which something else used the machine is taken again.
"""
