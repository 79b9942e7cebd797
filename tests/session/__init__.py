"""Tests of the login, the visit and its faces."""
