"""A plugin of Limnoria that a test tells what to do: see tests/clients/bots.py."""

from . import plugin

Class = plugin.Class
