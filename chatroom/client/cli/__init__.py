"""The client's command line: options, profiles, scripts."""
