"""What a person sees: prompt, plain terminal, pipe, colours."""
