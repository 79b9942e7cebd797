"""Who is here and in which rooms: coming, leaving, busy and free, and what others changed."""

import threading
from itertools import islice

from chatroom.rooms.person import Person
from chatroom.rooms.room import LOBBY, Member, Room, mailbox_of
from chatroom.storage.engine import Engine
from chatroom.storage.records import JOIN, LEAVE, PRIVATE, SUPERUSER, Account, Control, Post

HISTORY = 20
"""Messages of the room that are shown to who comes in."""
MISSED = 1000
"""Messages that are shown at most to who was busy."""
CHANGES_KNOWN = 4096
"""Account changes that are remembered for those who are just logging in."""


class Directory:
    """The people and the rooms of this server. Any thread may call its methods.

    :param engine: keeps the logs.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # The directory's lock, outermost of directory → room → stripe. Guards both tables
        # and the fields of the people in them. No I/O under it but the engine's queue.
        self._lock = threading.Lock()
        self._people: dict[str, Person] = {}
        self._is_quiet = False
        self.changes = 0
        """Number of account changes that were seen; read it before loading an account."""
        # The last changes by account, the oldest first; those before _forgotten are not known.
        self._changed: dict[str, int] = {}
        self._forgotten = 0
        self.lobby = Room(LOBBY, engine)
        self._rooms: dict[str, Room] = {LOBBY: self.lobby}

    def committed(self, log: str, posts: list[Post]) -> None:
        """Deliver what the engine has committed; the engine's thread only."""
        room = self._rooms.get(log)
        if room is not None:
            room.deliver(posts)

    def returned(self, posts: list[Post], sentence: str) -> None:
        """Tell those whose posts were not appended; the engine's thread only.

        :param sentence: why; empty when the log has them already.
        """
        for post in posts:
            member = post.origin
            # Of a private message that is sent again, the sender's own copy answers.
            is_copy = post.kind == PRIVATE and post.log != mailbox_of(post.sender_id)
            if member is None or (is_copy and not sentence):
                continue
            chunk = member.face.result("", sentence, ok=not sentence, cid=post.cid)
            if chunk:
                member.outbox.offer(chunk)

    # -- coming and leaving ------------------------------------------------------------------

    def arrive(self, account: Account, member: Member, seen: int) -> tuple[Person, bytes]:
        """Let a session in, and announce a person who was not here yet.

        :param seen: :attr:`changes` from before the account was loaded: what has changed since
            is looked up again.

        The caller holds the member's outbox, and releases it with the history returned here.
        """
        with self._lock:
            person = self._people.get(account.id)
            is_new = person is None
            if person is None:
                log = mailbox_of(account.id)
                mailbox = self._rooms[log] = Room(log, self._engine)
                person = self._people[account.id] = Person(account, self.lobby, mailbox)
            person.members = (*person.members, member)
            if person.busy is None:
                upto = self.lobby.enter(member)
                person.mailbox.enter(member)
            else:
                member.cursors = {room.log: room.put_aside(member) for room in person.rooms}
                upto = member.cursors[LOBBY]
            if is_new:
                self._engine.append(Post(LOBBY, JOIN, account.id, account.name))
            is_old = self._changed.get(account.id, self._forgotten) > seen
        if is_old:
            self.refresh(account.id)
        posts = self._engine.read(LOBBY, 0, upto, HISTORY)
        return person, member.face.messages(posts, old=True) if posts else b""

    def depart(self, member: Member) -> None:
        """Take a session out, and announce it when the person has no other. Idempotent."""
        with self._lock:
            person = self._people.get(member.account_id)
            if person is None or member not in person.members:
                return
            person.members = tuple(m for m in person.members if m is not member)
            for room in person.rooms:
                room.leave(member)
            if not person.members:
                account = person.account
                del self._people[account.id]
                self._engine.unfollow(person.mailbox.log)
                del self._rooms[person.mailbox.log]
                if not self._is_quiet:
                    self._engine.append(Post(LOBBY, LEAVE, account.id, account.name))

    def be_quiet(self) -> None:
        """Announce nobody's leaving from now on: the server stops."""
        with self._lock:
            self._is_quiet = True

    def people(self) -> list[Person]:
        """Return everybody who is here, in the order in which they came."""
        with self._lock:
            return list(self._people.values())

    def person(self, account_id: str) -> Person | None:
        """Return somebody who is here."""
        return self._people.get(account_id)

    def some_names(self, most: int) -> tuple[list[str], int]:
        """Return the names of at most ``most`` people, and how many people are here in all."""
        with self._lock:
            some = [p.account.name for p in islice(self._people.values(), most)]
            return some, len(self._people)

    # -- private messages --------------------------------------------------------------------

    def send_private(
        self, sender: Person, recipient: Person, text: str, cid: str, origin: Member
    ) -> None:
        """Append to the recipient's mailbox, then to the sender's: that one is the echo.

        :param origin: the session that is told when it cannot be kept.
        """
        account, to = sender.account, recipient.account
        boxes = [sender.mailbox] if sender is recipient else [recipient.mailbox, sender.mailbox]
        for box in boxes:
            post = Post(box.log, PRIVATE, account.id, account.name, text, cid, to.name)
            post.origin = origin
            box.post(post)

    # -- busy and free -----------------------------------------------------------------------

    def go_busy(self, person: Person, reason: str) -> None:
        """Hold everything back from all sessions of a person; a new reason replaces the old."""
        with self._lock:
            was_free = person.busy is None
            person.busy = reason
            for member in person.members if was_free else ():
                member.cursors = {room.log: room.put_aside(member) for room in person.rooms}
            members = person.members
        for member in members:
            text = person.busy_sentence()
            member.outbox.offer(member.face.control("busy", text, reason=reason))

    def go_free(self, person: Person) -> bool:
        """Show each session what it missed and let it see the rooms again; False: was free."""
        with self._lock:
            if person.busy is None:
                return False
            person.busy = None
            spans = []
            for member in person.members:
                # Held: live messages may come before those that are read back below.
                gap = member.outbox.hold()
                cursors = member.cursors or {}
                member.cursors = None
                spans.append(
                    (
                        member,
                        gap,
                        [(r.log, cursors.get(r.log, 0), r.enter(member)) for r in person.rooms],
                    )
                )
        for member, gap, places in spans:
            text, posts = self._missed(person, places)
            member.outbox.release(
                gap,
                member.face.control("free", text)
                + (member.face.messages(posts, old=True) if posts else b""),
            )
        return True

    def _missed(self, person: Person, places: list[tuple[str, int, int]]) -> tuple[str, list[Post]]:
        posts: list[Post] = []
        lost = 0
        for log, after, upto in places:
            found = self._engine.read(log, after, upto, MISSED)
            lost += upto - after - len(found)
            posts += [post for post in found if post.sender_id != person.account.id]
        posts.sort(key=lambda post: post.time)
        text = "You are free. "
        text += f"{len(posts)} missed:" if posts else "You missed nothing."
        if lost:
            text = f"You are free. {lost} more were missed than are kept; the last {len(posts)}:"
        return text, posts

    # -- what was changed, here or elsewhere -------------------------------------------------

    def controlled(self, control: Control) -> None:
        """Act upon a change of an account; called by the engine's thread."""
        with self._lock:
            self.changes += 1
            self._changed.pop(control.account_id, None)
            self._changed[control.account_id] = self.changes
            if len(self._changed) > CHANGES_KNOWN:
                self._forgotten = self._changed.pop(next(iter(self._changed)))
        self.refresh(control.account_id)

    def refresh(self, account_id: str) -> None:
        """Bring somebody who is here up to what the store says of the account."""
        person = self._people.get(account_id)
        if person is None:
            return
        kick = self._engine.kick_of(account_id)
        if kick is not None:
            fields = {"by": kick.by, "reason": kick.reason, "until": kick.until}
            text = kick.sentence if kick.reason else f"{kick.sentence}."
            for member in person.members:
                member.end(member.face.control("kick", text, **fields))
            return
        account = self._engine.load_account_by_id(account_id)
        if account is None:
            for member in person.members:
                member.end(member.face.control("disconnect", "Your account was deleted. Goodbye."))
            return
        with self._lock:
            before = person.account
            if account.version < before.version:
                return
            person.account = account
        if account.grant != before.grant:
            role = "a superuser" if account.grant == SUPERUSER else "a normal user"
            for member in person.members:
                text = f"You are {role} now. See /help for what you may do."
                member.outbox.offer(member.face.control("changegrant", text, grant=account.grant))
