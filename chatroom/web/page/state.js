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
    this.readUpto = "";
    this.newFrom = ""; // the id of the first message that was new when the room was opened
    this.unmarked = 0; // how many are new, until they are loaded and the first one is known
    this.late = null; // what comes while the newest are read back
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

  // Put a line where it belongs: messages by their place in the log, what is not confirmed last.
  place(line) {
    let at = this.lines.length;
    for (let i = at - 1; i >= 0; i--) {
      const other = this.lines[i];
      if (isWaiting(other)) {
        if (line.id || !isWaiting(line)) at = i;
      } else if (other.id && line.id) {
        if (epochOf(other) !== epochOf(line) || other.seq < line.seq) break;
        at = i;
      } else if (!line.id) {
        break;
      }
    }
    this.lines.splice(at, 0, line);
    return at === this.lines.length - 1;
  }
  // Remember which is the first of so many that are new.
  markNew(number) {
    let left = number;
    for (let i = this.lines.length - 1; i >= 0 && left > 0; i--) {
      const one = this.lines[i];
      if (!one.id || one.mine || !TALK.has(one.kind)) continue;
      this.newFrom = one.id;
      left--;
    }
    this.unmarked = 0;
  }
}

const epochOf = (line) => line.id.split("-")[0];
const isWaiting = (line) => !line.id && line.cid !== undefined && line.cid !== "";

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
// is said has changed: "added" at the end, "front" in front, "changed", "missed" (it is not shown, as
// the newest are not here), "all"; people(room); me() when one has another name, grant or is busy;
// told(text, isBad) for a sentence of the server; motd(text); stale() when the list of rooms is to be
// asked for again; gap(conversation); goto(room) and moved() when one talks in another room.
export class State {
  constructor() {
    this.me = "";
    this.grant = 1;
    this.busy = null;
    this.rooms = new Map();
    this.current = null;
    this.listeners = {};
    this.commands = [];
    this.isSeen = () => true; // somebody looks at the end of the current room
    this.isHeld = () => false; // somebody reads further up in it
  }
  // Somebody else comes in.
  forget() {
    this.rooms.clear();
    this.current = this.busy = null;
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

  // -- what the server tells --

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
    const isKnown = this.rooms.has(fields.room_id || fields.room) || !fields.room;
    const where = this.conversationOf(fields);
    if (!isKnown) this.#tell("stale", where); // another session of one's own has joined it
    const one = line(fields, this.me);
    const known = one.id && where.lines.findLast((other) => other.id === one.id);
    if (known) return undefined;
    if (TALK.has(one.kind) && !one.mine) this.#count(where, one, fields.old);
    const own = one.mine && one.cid ? where.lines.findLastIndex((other) => other.cid === one.cid && !other.id) : -1;
    if (own >= 0 && where.lines.slice(own + 1).every(isWaiting)) {
      Object.assign(where.lines[own], one);
      this.#tell("lines", where, "changed", where.lines[own]);
      return undefined;
    }
    if (own >= 0) where.lines.splice(own, 1);
    if (where.atEnd && where.lines.length >= MOST && this.current === where && this.isHeld()) where.atEnd = false;
    if (!where.atEnd) {
      where.late?.push(one);
      this.#tell("lines", where, "missed", one);
    } else this.#put(where, one, own >= 0);
    if (one.kind === "join" || one.kind === "leave") this.#tell("people", where);
    return undefined;
  }
  #put(where, one, isMoved = false) {
    const isLast = where.place(one);
    if (where.lines.length > MOST) {
      where.lines.splice(0, where.lines.length - MOST);
      where.hasMore = true;
    }
    this.#tell("lines", where, isLast && !isMoved ? "added" : "all", one);
  }

  #count(where, one, isOld) {
    if (this.current === where && this.isSeen()) return;
    if (isOld) return; // that is asked for at the welcome, and when one is free again
    if (!where.unread) where.newFrom = one.id;
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
    this.#put(where, one);
  }

  #notice(fields) {
    const kind = fields.kind;
    if (kind === "rules") this.room(fields.room_id, fields.room); // told before one is inside
    const where = fields.room_id ? this.rooms.get(fields.room_id) : this.current;
    if (kind === "welcome") return this.#welcome(fields);
    if (kind === "left") return this.#leave(fields);
    if (kind === "motd") return this.#tell("motd", fields.text);
    if (kind === "topic" && where) {
      where.topic = fields.topic;
      this.#tell("me");
    }
    if (["here", "history", "missed", "resumed", "error", "greeting"].includes(kind)) return undefined;
    if (["private", "public", "archived", "unarchived", "owner", "moderator", "unmoderator"].includes(kind)) {
      this.#tell("stale", where);
    }
    if (kind === "gap") {
      for (const one of fields.room ? [where] : this.rooms.values()) {
        if (!one || (!fields.room && !one.isPerson)) continue;
        one.isLoaded = false; // perhaps it can be read back
        if (one === this.current) this.#tell("gap", one);
      }
    }
    if (where) this.tellIn(where, fields.text, kind === "gap" || kind === "mute");
    else this.#tell("told", fields.text, false);
    return undefined;
  }

  #welcome(fields) {
    if (this.me && this.me !== fields.user) this.forget();
    this.me = fields.user;
    this.grant = fields.grant;
    this.busy = null;
    const inside = new Set(Object.values(fields.room_ids));
    for (const [id, one] of [...this.rooms]) if (!one.isPerson && !inside.has(id)) this.rooms.delete(id);
    for (const name of fields.rooms) {
      const one = this.room(fields.room_ids[name], name);
      one.name = name;
      if (this.current !== one || !one.isLoaded) one.unread = fields.unread[name] || 0;
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
    const what = fields.do;
    if (what === "busy") this.busy = fields.reason || "busy";
    else if (what === "changegrant") this.grant = fields.grant;
    else if (what === "rename") this.me = fields.user;
    else if (what === "renameroom") this.room(fields.room_id, fields.room).name = fields.room;
    else if (what === "roomgone") return this.#leave(fields);
    else if (what === "room") return this.#tell("goto", this.room(fields.room_id, fields.room));
    else if (what === "restart") return undefined;
    if (this.current && fields.text) this.tellIn(this.rooms.get(fields.room_id) || this.current, fields.text);
    if (what === "free") {
      this.busy = null;
      this.#tell("stale");
    }
    this.#tell("me");
    this.#tell("rooms");
    return undefined;
  }

  #read(fields) {
    const where = fields.room ? this.rooms.get(fields.room_id || fields.room) : null;
    const read = where ? [where] : [...this.rooms.values()].filter((one) => one.isPerson);
    for (const one of read) one.unread = one.mentions = 0;
    this.#tell("rooms");
  }

  // Take the rows of /unread.
  tellUnread(rows) {
    const found = new Map();
    for (const row of rows) {
      const where = row.user ? this.person(row.user) : this.rooms.get(row.room_id);
      if (where) found.set(where, row);
    }
    for (const one of this.rooms.values()) {
      if (one === this.current && this.isSeen()) continue;
      const row = found.get(one);
      one.unread = row?.unread || 0;
      one.mentions = row?.mentions || 0;
    }
    this.#tell("rooms");
  }

  // -- one's own --

  waiting(where, cid, text) {
    if (where.lines.some((one) => one.cid === cid)) return;
    const one = {
      id: "", kind: where.isPerson ? "private" : "text", from: this.me, to: where.isPerson ? where.name : "",
      text, time: new Date(), cid, mine: true, state: "sent", why: "",
    };
    this.#put(where, one);
  }
  settle(cid, state, why = "") {
    for (const where of this.rooms.values()) {
      const found = where.lines.find((one) => one.cid === cid && !one.id);
      if (!found) continue;
      if (state !== "kept") Object.assign(found, { state, why });
      else if (where.lines.some((one) => one.cid === cid && one.id)) where.lines.splice(where.lines.indexOf(found), 1);
      else found.state = "past"; // kept before; it is shown when it is read back
      this.#tell("lines", where, "all");
    }
  }
  drop(where, one) {
    where.lines.splice(where.lines.indexOf(one), 1);
    this.#tell("lines", where, "all");
  }

  // Put messages that were read back in front, or (isWhole) in the place of what is there.
  readBack(where, messages, hasMore, isWhole = false, atEnd = true) {
    const known = new Set(isWhole ? [] : where.lines.map((one) => one.id));
    const read = messages.map((one) => line(one, this.me)).filter((one) => !known.has(one.id));
    const before = where.lines;
    where.lines = read;
    where.hasMore = hasMore;
    where.isLoaded = true;
    if (!isWhole) {
      where.lines.push(...before);
      if (where.lines.length > MOST) {
        where.lines = [...where.lines.slice(0, MOST), ...where.lines.slice(MOST).filter(isWaiting)];
        where.atEnd = false;
      }
      this.#tell("lines", where, "front");
      return;
    }
    const [last, ids] = [read.at(-1), new Set(read.map((one) => one.id))];
    const cids = new Set(read.filter((one) => one.mine).map((one) => one.cid));
    for (const one of [...before, ...(where.late || [])]) {
      const isLater = one.id ? !ids.has(one.id) && !(last && epochOf(last) === epochOf(one) && one.seq < last.seq) : true;
      const isSaid = isWaiting(one) ? one.state !== "past" && !cids.has(one.cid) : atEnd && isLater;
      if (!isSaid) continue;
      if (one.id || isWaiting(one)) where.place(one);
      else if (!last || one.time >= last.time - 60000) where.place(one);
    }
    where.late = null;
    where.atEnd = atEnd;
    if (where.unmarked) where.markNew(where.unmarked);
    this.#tell("lines", where, "all");
  }
}
