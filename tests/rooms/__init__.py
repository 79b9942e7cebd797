"""Tests of rooms and of who is in them."""
