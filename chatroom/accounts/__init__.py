"""Accounts, roles, passwords: who somebody is and what they may do."""
