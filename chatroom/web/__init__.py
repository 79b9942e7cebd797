"""The fourth face: a browser's page, and the WebSocket by which it speaks events."""
