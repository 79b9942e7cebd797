"""``doctor``: looks at everything that an operator can get wrong, and changes nothing."""
