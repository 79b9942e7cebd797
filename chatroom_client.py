"""Join a chat room: ``python chatroom_client.py [IP] [PORT]``."""

from chatroom.client import main

if __name__ == "__main__":
    raise SystemExit(main())
