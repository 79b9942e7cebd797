"""Tests of accounts, sanctions and who may come in."""
