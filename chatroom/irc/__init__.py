"""The face for IRC clients: the same rooms and people, in the words of IRC (docs/irc.md)."""
