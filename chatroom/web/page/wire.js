// The connection: lines of events over a WebSocket, tickets, coming back, posts that are sent again.
// It shows nothing. docs/protocol.md describes the lines.

import { decode, encode, letters } from "./lines.js";
import { device, tab } from "./store.js";
import { Tickets } from "./tickets.js";

const FIRST_WAIT = 200; // milliseconds, doubled up to LONGEST_WAIT
const LONGEST_WAIT = 30000;
const LOOK_EVERY = 15000;
const SILENT = 120000; // so long nothing came: ask whether the server is still there
const UNANSWERED = 10000; // the same while a post waits, and when the device has slept
const PATIENCE = 8000; // for an answer to that, for a connection, for another tab that comes back
const POSTS = "chatroom.posts";
const KEPT = "chatroom.";
// A visit that ends so does not go on by itself; with any other code it does.
const FINAL = new Set(["ok", "kicked", "banned", "deleted", "session-ended", "reset", "ticket"]);
// Why a ticket was not looked at.
const LATER = new Set(["throttled", "crowded", "not-kept", "unconfirmed", "internal", "stopping", "restarting", "too-slow"]);

// One person's visit: it outlives connections. `on(name, function)` listens to:
//   state   "out" | "connecting" | "in" | "lost" | "ended", and a sentence
//   event   word, fields: every line of the server once one is in, and what is asked before
//   refused code, text, fields: of a login
//   pending cid, "kept" | "refused" | "unknown", fields
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
  #isResumed = false; // came in by a ticket
  #isOpen = false; // what was not acknowledged has been sent again: new posts may follow
  #heard = 0; // when something came last
  #tried = 0; // when the connection was begun
  #looked = Date.now();
  #probe = 0;
  #turned = () => {}; // lets another tab come back
  tickets = new Tickets();
  stays = false;
  cursors = new Map(); // by room id, "" for private messages: the last id that was shown
  room = "";
  user = "";
  state = "out";

  constructor(url = `${location.protocol === "http:" ? "ws" : "wss"}://${location.host}/ws`) {
    this.url = url;
    this.stays = this.tickets.stays;
    addEventListener("online", () => this.#hurry());
    addEventListener("pageshow", () => this.#hurry());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#hurry();
    });
    setInterval(() => this.#look(), LOOK_EVERY);
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

  get lineBytes() {
    return this.#hello?.line_bytes || 8192;
  }
  get roomName() {
    return this.#hello?.name || "Chatroom";
  }

  // -- coming in --

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
    this.#restore();
    this.#connect();
    return true;
  }
  // Give the login up that has been begun.
  cancel() {
    this.#request = null;
    this.#drop();
    this.#turn("out");
  }
  leave() {
    this.#send("command", { name: "disconnect", args: {} });
    this.#end("You have logged out.");
    tab.dropAll(KEPT);
    this.#posts.clear();
    this.cursors.clear();
    this.user = this.room = "";
  }

  #ask(word, fields, stays) {
    this.stays = stays;
    this.#request = [word, fields];
    if (this.#socket?.readyState === WebSocket.OPEN && this.#hello && !this.#isIn) this.#send(word, fields);
    else {
      this.#drop();
      this.#connect();
    }
  }

  #connect() {
    clearTimeout(this.#timer);
    if (this.#socket) return;
    this.#turn("connecting");
    this.#hello = null;
    this.#tried = Date.now();
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    socket.addEventListener("open", () => this.#send("hello", { v: 1, answers: 1 }));
    socket.addEventListener("message", (event) => {
      this.#heard = Date.now();
      for (const line of String(event.data).split("\n")) {
        if (this.#socket === socket && line) this.#hear(line);
      }
    });
    socket.addEventListener("close", () => {
      if (this.#socket === socket) this.#lost();
    });
  }

  // End the connection, if there is one; who waits for an answer is told.
  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    this.#isIn = this.#isOpen = false;
    clearTimeout(this.#timer);
    clearTimeout(this.#probe);
    this.#probe = 0;
    socket?.close();
    this.#turned();
    for (const waiting of this.#answers.values()) waiting.reject(new Error("lost"));
    this.#answers.clear();
    this.#messages.clear();
  }
  #end(text) {
    this.tickets.forget();
    this.#request = null;
    this.#drop();
    this.#turn("ended", text);
  }

  #lost(wait = 0) {
    const wasIn = this.#isIn;
    this.#drop();
    if (this.#request) {
      this.#request = null;
      this.#turn("out", "The server cannot be reached, or is full. Try again in a moment.");
    } else if (this.state === "out" || this.state === "ended") {
      return; // at the door: it is opened again when somebody wants in
    } else if (!this.tickets.get(this.user)) {
      this.#turn("out", "The connection was lost. Log in again.");
    } else {
      if (wasIn) this.#wait = FIRST_WAIT;
      const jitter = Math.max(wait, this.#wait * (0.5 + Math.random()));
      this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
      this.#turn("lost");
      this.#timer = setTimeout(() => this.#connect(), jitter);
    }
  }

  // -- a connection that is dead without a word: a device that has slept, another network --

  #hurry() {
    const begun = Date.now() - this.#tried;
    if (this.state === "lost" && !this.#socket) this.#connect();
    else if (this.state === "connecting" && begun > PATIENCE) this.#lost();
    else if (this.#isIn && Date.now() - this.#heard > UNANSWERED) this.#ping();
  }
  #look() {
    const now = Date.now();
    const hasSlept = now - this.#looked > 4 * LOOK_EVERY;
    this.#looked = now;
    const silence = now - this.#heard;
    if (hasSlept) this.#hurry();
    else if (document.visibilityState !== "visible" || !this.#isIn) return;
    else if (silence > SILENT || (this.#posts.size && silence > UNANSWERED)) this.#ping();
  }
  #ping() {
    if (this.#probe) return;
    const heard = this.#heard;
    this.#probe = setTimeout(() => {
      this.#probe = 0;
      if (this.#isIn && this.#heard === heard) this.#lost();
    }, PATIENCE);
    this.command("motd").catch(() => {});
  }

  // -- what the server says --

  #hear(line) {
    const read = decode(line);
    if (!read) return;
    const [word, fields] = read;
    if (word === "hello") this.#heardHello(fields);
    else if (word === "control") this.#heardControl(fields);
    else if (!this.#hello) return; // the greeting in front of it
    else if (word === "ping") this.#send("pong", {});
    else if (word === "ticket") {
      this.tickets.set(this.user, fields.ticket, this.stays);
      this.#turned();
    } else if (word === "result") this.#heardResult(fields);
    else if (word === "message" && fields.re !== undefined) this.#messages.get(fields.re)?.push(fields);
    else if (this.#isIn || fields.kind === "welcome") this.#heardEvent(word, fields);
    else if (word === "notice" && ["error", "reset"].includes(fields.kind)) this.#tell("refused", fields.code, fields.text, fields);
    else if (word === "prompt" && this.#request && ["new-password", "again"].includes(fields.ask)) this.#tell("event", word, fields);
  }

  #heardHello(fields) {
    this.#hello = fields;
    if (this.#request) this.#send(...this.#request);
    else this.#resume();
  }

  #resume() {
    const socket = this.#socket;
    this.tickets.alone(() => {
      if (this.#socket !== socket) return undefined;
      const ticket = this.tickets.get(this.user);
      if (!ticket) {
        this.#drop();
        this.#turn("out", "You have logged out.");
        return undefined;
      }
      this.#send("resume", { ticket, cursors: Object.fromEntries(this.cursors), room: this.room });
      return new Promise((resolve) => {
        this.#turned = resolve;
        setTimeout(resolve, PATIENCE);
      });
    });
  }

  #refused(fields) {
    if (this.#request) {
      this.#request = null;
      this.#turn("out");
      this.#tell("refused", fields.code, fields.text, fields);
    } else if (LATER.has(fields.code)) {
      this.#lost((fields.wait || 0) * 1000);
    } else if (this.state !== "out") {
      this.#end(fields.code === "ticket" ? "Your visit has ended. Log in again." : fields.text);
    }
  }

  #heardResult(fields) {
    if (!this.#isIn && fields.command === "login" && !fields.ok) {
      this.#refused(fields);
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

  #heardControl(fields) {
    const isEnd = fields.do === "kick" || (fields.do === "disconnect" && FINAL.has(fields.code));
    if (isEnd) this.#end(fields.text);
    else if (fields.do === "disconnect" && !this.#isIn) this.#refused(fields);
    else if (this.#isIn) {
      if (fields.do === "rename") {
        const ticket = this.tickets.get(this.user);
        this.user = fields.user;
        if (ticket) this.tickets.set(this.user, ticket, this.stays);
        this.#keep();
      }
      if (fields.do === "roomgone") this.cursors.delete(fields.room_id);
      this.#tell("event", "control", fields);
    }
  }

  #heardEvent(word, fields) {
    const kind = word === "notice" ? fields.kind : "";
    if (kind === "welcome") {
      if (this.user && this.#request && this.user !== fields.user) this.#forget();
      this.user = fields.user;
      this.#isResumed = this.#request === null;
      this.#isIn = true;
      this.#request = null;
      this.#wait = FIRST_WAIT;
      this.#turn("in");
    }
    if (kind === "left") this.cursors.delete(fields.room_id);
    if (word === "message") {
      const key = fields.room ? fields.room_id || fields.room : "";
      if (fields.id) this.cursors.set(key, fields.id);
      if (fields.cid && fields.from === this.user && this.#posts.has(fields.cid)) this.#settle(fields.cid, "kept", fields);
    }
    this.#tell("event", word, fields);
    if (kind === "resumed" || (kind === "here" && !this.#isResumed)) this.#again();
  }

  // -- talking --

  // Post a text to a room (its id) or a person; return the cid by which it is told what becomes of it.
  post(text, { room = "", to = "" }) {
    const cid = `${this.#session}-${++this.#number}`;
    const post = to ? { text, cid, to } : { text, cid, room };
    this.#posts.set(cid, post);
    this.#keep();
    if (this.#isOpen) this.#send("post", post);
    return cid;
  }
  // What is not acknowledged: { text, cid, to or room }.
  get posts() {
    return [...this.#posts.values()];
  }

  #again() {
    this.#isOpen = true;
    for (const post of this.#posts.values()) this.#send("post", post);
  }
  #settle(cid, state, fields) {
    this.#posts.delete(cid);
    this.#keep();
    this.#tell("pending", cid, state, fields);
  }
  // What waits outlives a reload, for who has written it.
  #keep() {
    if (this.#posts.size) tab.set(POSTS, JSON.stringify({ user: this.user, posts: this.posts }));
    else tab.drop(POSTS);
  }
  #restore() {
    try {
      const { user, posts } = JSON.parse(tab.get(POSTS));
      if (!this.tickets.get(user)) return;
      this.user = user;
      for (const post of posts) this.#posts.set(post.cid, post);
    } catch {
      /* nothing waits */
    }
  }
  #forget() {
    this.#posts.clear();
    this.cursors.clear();
    this.room = "";
    tab.dropAll(KEPT);
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
