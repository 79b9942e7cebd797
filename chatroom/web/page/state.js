// What is known of the room: who one is, the rooms, what was said. It knows nothing of the document.

export const MOST = 500; // messages of a room that are kept; older ones are read back again
const TALK = new Set(["text", "action", "private", "announce", "notice"]);

export class Conversation {
  constructor(id, name, isPerson = false) {
    this.id = id; // of a room; of a person "@" and the name
    this.name = name;
    this.isPerson = isPerson;
    this.lines = []; // oldest first
    this.hasMore = true; // there may be older ones
    this.atEnd = true; // the newest ones are here
    this.isLoaded = false;
    this.unread = 0;
    this.mentions = 0;
    this.topic = "";
    this.row = {}; // of /rooms
    this.readUpto = 0;
  }
  get title() {
    return this.isPerson ? this.name : `#${this.name}`;
  }
  get last() {
    return this.lines.findLast((line) => line.id);
  }
  get first() {
    return this.lines.find((line) => line.id);
  }
}

function line(fields, me) {
  return {
    id: fields.id,
    privateId: fields.private_id || "",
    seq: fields.seq,
    kind: fields.kind,
    from: fields.from,
    to: fields.to || "",
    by: fields.by || "",
    text: fields.text,
    time: new Date(fields.time),
    cid: fields.cid || "",
    mine: fields.from === me,
    mentions: fields.mentions === true,
    state: "kept",
    why: "",
  };
}

// Listeners: rooms() when the list or its numbers changed; lines(conversation, what, line) when what
// is said has changed: "added" at the end, "front" in front, "changed", "all"; people(room);
// me() when one has another name, grant or is busy; told(text, isBad) for a sentence of the server.
export class State {
  constructor() {
    this.me = "";
    this.grant = 1;
    this.busy = null;
    this.rooms = new Map();
    this.current = null;
    this.listeners = {};
    this.commands = [];
    this.isSeen = () => true;
  }
  #tell(name, ...values) {
    this.listeners[name]?.(...values);
  }

  room(id, name) {
    let found = this.rooms.get(id);
    if (!found) {
      found = new Conversation(id, name);
      this.rooms.set(id, found);
      this.#tell("rooms");
    }
    return found;
  }
  person(name) {
    const id = `@${name.toLowerCase()}`;
    let found = this.rooms.get(id);
    if (!found) {
      found = new Conversation(id, name, true);
      this.rooms.set(id, found);
      this.#tell("rooms");
    }
    return found;
  }
  byName(name) {
    const bare = name.replace(/^#/, "").toLowerCase();
    return [...this.rooms.values()].find((one) => !one.isPerson && one.name.toLowerCase() === bare);
  }
  // Rooms, then people; each in the order of their names, the lobby first.
  get list() {
    const order = (one) => [one.isPerson ? 1 : 0, one.id === "lobby" ? 0 : 1, one.name.toLowerCase()];
    return [...this.rooms.values()].sort((a, b) => {
      const [left, right] = [order(a), order(b)];
      const at = left.findIndex((value, i) => value !== right[i]);
      return at < 0 ? 0 : left[at] < right[at] ? -1 : 1;
    });
  }
  get unread() {
    let all = 0;
    for (const one of this.rooms.values()) all += one.isPerson ? one.unread : one.mentions;
    return all;
  }

  // -- what the server tells ---------------------------------------------------------------------

  hear(word, fields) {
    if (word === "message") this.#message(fields);
    else if (word === "notice") this.#notice(fields);
    else if (word === "control") this.#control(fields);
    else if (word === "read") this.#read(fields);
    else if (word === "result" && fields.text) this.#tell("told", fields.text, !fields.ok);
  }

  conversationOf(fields) {
    if (fields.room) return this.room(fields.room_id || fields.room, fields.room);
    return this.person(fields.from === this.me ? fields.to || fields.from : fields.from);
  }

  #message(fields) {
    if (fields.kind === "removed") return this.#removed(fields);
    const where = this.conversationOf(fields);
    const one = line(fields, this.me);
    if (one.cid && one.mine) {
      const at = where.lines.findIndex((other) => other.cid === one.cid && !other.id);
      if (at >= 0) where.lines.splice(at, 1);
      if (at >= 0) this.#tell("lines", where, "all");
    }
    if (one.id && where.lines.some((other) => other.id === one.id)) return;
    if (TALK.has(one.kind) && !one.mine) this.#count(where, one, fields.old);
    if (!where.atEnd) return;
    const isLate = one.id && where.last && where.last.seq > one.seq && where.last.id.split("-")[0] === one.id.split("-")[0];
    where.lines.push(one);
    if (isLate) {
      where.lines.sort((a, b) => a.time - b.time || a.seq - b.seq);
      this.#tell("lines", where, "all");
      return;
    }
    if (where.lines.length > MOST) {
      where.lines.splice(0, where.lines.length - MOST);
      where.hasMore = true;
    }
    this.#tell("lines", where, "added", one);
    if (one.kind === "join" || one.kind === "leave") this.#tell("people", where);
  }

  #count(where, one, isOld) {
    if (isOld && !where.counts) return;
    if (this.current === where && this.isSeen()) return;
    where.unread++;
    if (one.mentions) where.mentions++;
    this.#tell("rooms");
    if (!isOld && (one.mentions || where.isPerson)) this.#tell("called", where, one);
  }

  #removed(fields) {
    for (const where of this.rooms.values()) {
      const found = where.lines.find(
        (one) => one.id && (one.id === fields.ref || (fields.private_id && one.privateId === fields.private_id)),
      );
      if (!found) continue;
      found.kind = "removed";
      found.text = "";
      this.#tell("lines", where, "changed", found);
      return;
    }
  }

  // A sentence among what is said.
  tellIn(where, text, isBad = false) {
    const one = { id: "", kind: isBad ? "bad" : "told", from: "", text, time: new Date(), state: "kept", mine: false };
    where.lines.push(one);
    this.#tell("lines", where, "added", one);
  }

  #notice(fields) {
    const where = fields.room_id ? this.rooms.get(fields.room_id) : this.current;
    const kind = fields.kind;
    if (kind === "welcome") return this.#welcome(fields);
    if (kind === "left") return this.#leave(fields);
    if (kind === "topic" && where) {
      where.topic = fields.topic;
      this.#tell("me");
    }
    if (["here", "history", "missed", "resumed", "error", "greeting"].includes(kind)) return;
    if (["private", "public", "archived", "unarchived", "owner", "moderator", "unmoderator"].includes(kind)) {
      this.#tell("stale", where);
    }
    if (where) this.tellIn(where, fields.text, kind === "gap" || kind === "mute");
    else this.#tell("told", fields.text, false);
  }

  #welcome(fields) {
    this.me = fields.user;
    this.grant = fields.grant;
    this.busy = null;
    const inside = new Set(Object.values(fields.room_ids));
    for (const [id, one] of [...this.rooms]) if (!one.isPerson && !inside.has(id)) this.rooms.delete(id);
    for (const name of fields.rooms) {
      const one = this.room(fields.room_ids[name], name);
      one.name = name;
      if (this.current !== one) one.unread = fields.unread[name] || 0;
    }
    const wanted = this.current && this.rooms.get(this.current.id);
    this.current = wanted || this.room(fields.room_id, fields.room);
    this.#tell("rooms");
    this.#tell("me");
    this.#tell("welcome", fields);
  }

  #leave(fields) {
    const where = this.rooms.get(fields.room_id);
    if (!where) return;
    this.rooms.delete(where.id);
    if (this.current === where) this.current = this.rooms.get("lobby");
    this.#tell("rooms");
    this.#tell("moved");
    this.tellIn(this.current, fields.text);
  }

  #control(fields) {
    if (fields.do === "busy") this.busy = fields.reason || "busy";
    else if (fields.do === "free") this.busy = null;
    else if (fields.do === "changegrant") this.grant = fields.grant;
    else if (fields.do === "rename") this.me = fields.user;
    else if (fields.do === "renameroom") this.room(fields.room_id, fields.room).name = fields.room;
    else if (fields.do === "roomgone") return this.#leave(fields);
    else if (fields.do === "room") {
      const where = this.room(fields.room_id, fields.room);
      if (this.current && this.current !== where && !this.current.isPerson) this.#tell("goto", where);
      return;
    }
    this.#tell("me");
    this.#tell("rooms");
    if (this.current && ["busy", "free", "changegrant", "renameroom"].includes(fields.do)) {
      this.tellIn(this.rooms.get(fields.room_id) || this.current, fields.text);
    }
  }

  #read(fields) {
    const where = fields.room ? this.rooms.get(fields.room_id || fields.room) : null;
    const read = where ? [where] : [...this.rooms.values()].filter((one) => one.isPerson);
    for (const one of read) one.unread = one.mentions = 0;
    this.#tell("rooms");
  }

  // -- one's own ---------------------------------------------------------------------------------

  waiting(where, cid, text) {
    const one = {
      id: "", kind: where.isPerson ? "private" : "text", from: this.me, to: where.isPerson ? where.name : "",
      text, time: new Date(), cid, mine: true, state: "sent", why: "",
    };
    where.lines.push(one);
    this.#tell("lines", where, "added", one);
  }
  settle(cid, state, why = "") {
    for (const where of this.rooms.values()) {
      const found = where.lines.find((one) => one.cid === cid && !one.id);
      if (!found) continue;
      if (state === "kept") where.lines.splice(where.lines.indexOf(found), 1);
      else Object.assign(found, { state, why });
      this.#tell("lines", where, "all");
    }
  }
  drop(where, one) {
    where.lines.splice(where.lines.indexOf(one), 1);
    this.#tell("lines", where, "all");
  }

  // Put messages that were read back in front, or in the place of what is there.
  readBack(where, messages, hasMore, isWhole = false, atEnd = true) {
    const known = new Set(where.lines.map((one) => one.id).filter(Boolean));
    const lines = messages.map((one) => line(one, this.me)).filter((one) => isWhole || !known.has(one.id));
    const rest = isWhole ? where.lines.filter((one) => !one.id && one.cid) : where.lines;
    where.lines = [...lines, ...rest];
    where.hasMore = hasMore;
    if (isWhole) where.atEnd = atEnd;
    if (where.lines.length > MOST) {
      where.lines.length = MOST;
      where.atEnd = false;
    }
    where.isLoaded = true;
    this.#tell("lines", where, isWhole ? "all" : "front");
  }
}
