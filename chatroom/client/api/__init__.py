"""The client as a library: log in, send, receive, ask, close. See docs/scripting.md.

``client`` is who talks, ``commands`` what it can ask, ``requests`` the waiting for answers, and
``records`` what they are.
"""

from chatroom.client.api.client import Client as Client
from chatroom.client.api.records import Answer as Answer
from chatroom.client.api.records import Event as Event
from chatroom.client.api.records import Message as Message
from chatroom.client.api.records import NotDelivered as NotDelivered
from chatroom.client.api.records import Page as Page
from chatroom.client.api.records import Person as Person
from chatroom.client.api.records import Room as Room
from chatroom.client.api.records import Unread as Unread
from chatroom.client.exit_codes import Ended as Ended
