// The connection: lines of events over a WebSocket, tickets, coming back, posts that are sent again.
// It knows nothing of the document. docs/protocol.md describes the lines.

const FIRST_WAIT = 200; // milliseconds, doubled up to LONGEST_WAIT
const LONGEST_WAIT = 30000;
const TICKET = "chatroom.ticket";
const GIVES_UP = new Set(["kicked", "banned", "deleted", "session-ended", "reset"]);

export function encode(word, fields) {
  return `>${word} ${JSON.stringify(fields)}`;
}

// Return [word, fields] of one line; null: it is none.
export function decode(line) {
  const match = /^>([a-z]+) (\{.*\})$/.exec(line);
  if (!match) return null;
  try {
    return [match[1], JSON.parse(match[2])];
  } catch {
    return null;
  }
}

function letters(number) {
  const bytes = crypto.getRandomValues(new Uint8Array(number));
  return Array.from(bytes, (one) => "abcdefghijklmnopqrstuvwxyz0123456789"[one % 36]).join("");
}

// Where the right to come back is kept: in this tab, or in this browser.
class Tickets {
  get stays() {
    return localStorage.getItem(TICKET) !== null;
  }
  get() {
    return sessionStorage.getItem(TICKET) || localStorage.getItem(TICKET) || "";
  }
  set(ticket, stays) {
    sessionStorage.setItem(TICKET, ticket);
    if (stays) localStorage.setItem(TICKET, ticket);
  }
  forget() {
    sessionStorage.removeItem(TICKET);
    localStorage.removeItem(TICKET);
  }
}

// One person's visit: it outlives connections. `on(name, function)` listens to:
//   state   "out" | "connecting" | "in" | "lost" | "ended", and a sentence
//   event   word, fields: every line of the server once one is in
//   refused code, text, fields: of a login
//   pending cid, "sent" | "kept" | "refused" | "unknown", fields
export class Wire {
  #listeners = new Map();
  #socket = null;
  #request = null; // the login that is wanted
  #hello = null;
  #timer = 0;
  #wait = FIRST_WAIT;
  #session = letters(16);
  #number = 0;
  #posts = new Map(); // by cid, in order: what is not acknowledged
  #answers = new Map(); // by cid: who waits for a >result
  #messages = new Map(); // by cid: messages that come in front of it
  #isIn = false;
  tickets = new Tickets();
  stays = false;
  cursors = new Map(); // by room id, "" for private messages: the last id that was shown
  room = "";
  state = "out";

  constructor(url = `${location.protocol === "http:" ? "ws" : "wss"}://${location.host}/ws`) {
    this.url = url;
    this.stays = this.tickets.stays;
    addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#hurry();
    });
  }

  on(name, listener) {
    this.#listeners.set(name, [...(this.#listeners.get(name) || []), listener]);
  }
  #tell(name, ...values) {
    for (const listener of this.#listeners.get(name) || []) listener(...values);
  }
  #turn(state, text = "") {
    this.state = state;
    this.#tell("state", state, text);
  }

  get features() {
    return this.#hello?.features || [];
  }
  get lineBytes() {
    return this.#hello?.line_bytes || 8192;
  }
  get roomName() {
    return this.#hello?.name || "";
  }

  // -- coming in --------------------------------------------------------------------------------

  login(name, password, stays) {
    this.#ask("login", { name, password, ticket: true }, stays);
  }
  register(name, password, code, stays) {
    const more = code ? { code } : {};
    this.#ask("register", { name, password, ticket: true, ...more }, stays);
  }
  // Come back by the ticket that is kept; false: there is none.
  resume() {
    if (!this.tickets.get()) return false;
    this.#request = null;
    this.#connect();
    return true;
  }
  leave() {
    this.tickets.forget();
    this.#request = null;
    if (this.#isIn) this.#send("command", { name: "disconnect", args: {} });
    this.#turn("ended", "You have left.");
    this.#posts.clear();
  }

  #ask(word, fields, stays) {
    this.stays = stays;
    this.#request = [word, fields];
    if (this.#socket && this.#hello && !this.#isIn) this.#send(word, fields);
    else this.#connect();
  }

  #connect() {
    clearTimeout(this.#timer);
    if (this.#socket) return;
    this.#turn("connecting");
    this.#hello = null;
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    socket.addEventListener("open", () => this.#send("hello", { v: 1, answers: 1 }));
    socket.addEventListener("message", (event) => {
      for (const line of String(event.data).split("\n")) {
        if (this.#socket === socket && line) this.#hear(line);
      }
    });
    socket.addEventListener("close", () => {
      if (this.#socket === socket) this.#lost();
    });
  }

  #hurry() {
    if (this.state === "lost" && !this.#socket) this.#connect();
  }

  #lost() {
    const wasIn = this.#isIn;
    this.#socket = null;
    this.#isIn = false;
    for (const waiting of this.#answers.values()) waiting.reject(new Error("lost"));
    this.#answers.clear();
    this.#messages.clear();
    if (this.state === "ended") return;
    if (!this.tickets.get()) {
      this.#turn("out", wasIn ? "The connection was lost. Log in again." : "The server cannot be reached.");
      return;
    }
    if (wasIn) this.#wait = FIRST_WAIT;
    this.#turn("lost");
    const jitter = this.#wait * (0.5 + Math.random());
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
    this.#timer = setTimeout(() => this.#connect(), jitter);
  }

  #hear(line) {
    const read = decode(line);
    if (!read) return;
    const [word, fields] = read;
    if (word === "hello") this.#heardHello(fields);
    else if (!this.#hello) return; // the greeting in front of it
    else if (word === "ping") this.#send("pong", {});
    else if (word === "ticket") this.tickets.set(fields.ticket, this.stays);
    else if (word === "result") this.#heardResult(fields);
    else if (word === "message" && fields.re !== undefined) this.#messages.get(fields.re)?.push(fields);
    else if (this.#isIn || fields.kind === "welcome" || word === "control") this.#heardEvent(word, fields);
    else if (word === "notice" && fields.kind === "error") this.#tell("refused", fields.code, fields.text, fields);
  }

  #heardHello(fields) {
    this.#hello = fields;
    if (this.#request) this.#send(...this.#request);
    else this.#resume();
  }

  #resume() {
    const ticket = this.tickets.get();
    if (!ticket) return;
    this.#send("resume", { ticket, cursors: Object.fromEntries(this.cursors), room: this.room });
  }

  #heardResult(fields) {
    if (!this.#isIn && fields.command === "login" && !fields.ok) {
      if (!this.#request) this.tickets.forget(); // the ticket was refused
      this.#request = null;
      this.#tell("refused", fields.code, fields.text, fields);
      return;
    }
    const cid = fields.cid || "";
    const waiting = this.#answers.get(cid);
    if (waiting) {
      this.#answers.delete(cid);
      const messages = this.#messages.get(cid) || [];
      this.#messages.delete(cid);
      waiting.resolve({ ...fields, messages });
      return;
    }
    if (this.#posts.has(cid)) {
      if (fields.ok) this.#settle(cid, "kept", fields);
      else this.#settle(cid, fields.code === "unconfirmed" ? "unknown" : "refused", fields);
      return;
    }
    this.#tell("event", "result", fields);
  }

  #heardEvent(word, fields) {
    if (word === "notice" && fields.kind === "welcome") {
      this.#isIn = true;
      this.#request = null;
      this.#wait = FIRST_WAIT;
      this.#turn("in");
    }
    if (word === "control" && ["kick", "disconnect"].includes(fields.do)) {
      if (fields.do === "kick" || GIVES_UP.has(fields.code)) {
        this.tickets.forget();
        this.#turn("ended", fields.text);
      }
    }
    if (word === "message") {
      const key = fields.room ? fields.room_id || fields.room : "";
      if (fields.id) this.cursors.set(key, fields.id);
      if (fields.cid && this.#posts.has(fields.cid)) this.#settle(fields.cid, "kept", fields);
    }
    this.#tell("event", word, fields);
    if (word === "notice" && fields.kind === "resumed") this.#again();
    else if (word === "notice" && fields.kind === "here" && this.#posts.size && !this.cursors.size) this.#again();
  }

  // -- talking ----------------------------------------------------------------------------------

  // Post a text to a room (its id) or a person; return the cid by which it is told what becomes of it.
  post(text, { room = "", to = "" }) {
    const cid = `${this.#session}-${++this.#number}`;
    const post = to ? { text, cid, to } : { text, cid, room };
    this.#posts.set(cid, post);
    if (this.#isIn) this.#send("post", post);
    return cid;
  }

  #again() {
    for (const post of this.#posts.values()) this.#send("post", post);
  }

  #settle(cid, state, fields) {
    this.#posts.delete(cid);
    this.#tell("pending", cid, state, fields);
  }

  // Give a command by its name; the promise is its >result, with the messages that came before it.
  // It is refused when the connection is lost.
  command(name, args = {}) {
    return this.#command({ name, args });
  }
  // The same as it is typed.
  typed(line) {
    return this.#command({ line });
  }
  #command(fields) {
    if (!this.#isIn) return Promise.reject(new Error("lost"));
    const cid = `c${++this.#number}`;
    this.#messages.set(cid, []);
    this.#send("command", { ...fields, cid });
    return new Promise((resolve, reject) => this.#answers.set(cid, { resolve, reject }));
  }

  read(room, id) {
    if (this.#isIn) this.#send("read", { room, id });
  }
  answer(text) {
    this.#send("answer", { text });
  }

  #send(word, fields) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(encode(word, fields));
  }
}
