"""Start the chat room server: ``python chatroom_server.py [--port 9797]``."""

from chatroom.startup import load

if __name__ == "__main__":
    raise SystemExit(load("chatroom.server").main())
