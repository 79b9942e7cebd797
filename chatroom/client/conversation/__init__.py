"""The client's side of the protocol as a state machine: no socket, no thread, no lock, no screen.

``states`` holds its tables, ``actions`` what it wants done, ``login`` how it gets in,
``whereabouts`` where the person is then, and ``machine`` the rest. The receiving thread
(``receiver``) carries out what comes of what the server says, the main thread (``session``) sends
what the person says.

Model: h11, a protocol without I/O (https://h11.readthedocs.io).
"""

from chatroom.client.conversation.actions import Prompt as Prompt
from chatroom.client.conversation.machine import Conversation as Conversation
from chatroom.client.conversation.states import State as State
