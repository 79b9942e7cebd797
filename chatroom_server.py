"""Start the chat room server: ``python chatroom_server.py [--port 9797]``."""

from chatroom.server import main

if __name__ == "__main__":
    raise SystemExit(main())
