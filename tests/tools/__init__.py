"""What tests and benchmarks share, and the tests of it."""
