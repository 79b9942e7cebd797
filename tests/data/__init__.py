"""Stores that were made by code of earlier days, with how they were made."""
