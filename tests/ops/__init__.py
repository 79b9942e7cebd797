"""Tests of the operator's sub-commands."""
