"""Tests of whole programs, and of stories that go through all of them."""
