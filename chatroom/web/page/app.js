// The page as a whole: what the wire hears goes to the state, what the state tells is shown.

import { Acts } from "./acts.js";
import { Composer } from "./composer.js";
import { ask, askFor, card, shutAll } from "./dialogs.js";
import { announce, clear, el, withLinks } from "./dom.js";
import { Log } from "./log.js";
import { Door } from "./login.js";
import { Past } from "./past.js";
import { Settings } from "./settings.js";
import { Side } from "./side.js";
import { State } from "./state.js";
import { Wire } from "./wire.js";

const QUIET_SECONDS = 3; // a lost connection is not told before
const PEOPLE_WAIT = 400;
const ROOMS_WAIT = 50;
const READ_WAIT = 500; // what was read is told that often
const TALKS = 50; // private messages of which one sees with whom one has talked

class App {
  constructor() {
    this.wire = new Wire();
    this.state = new State();
    this.settings = new Settings((text, isBad) => this.told(text, isBad));
    this.acts = new Acts(this);
    this.past = new Past(this);
    this.door = new Door(document.getElementById("door"), {
      login: (...given) => this.wire.login(...given),
      register: (...given) => this.wire.register(...given),
    });
    this.log = new Log({
      older: (where) => this.past.older(where),
      newest: (where) => this.past.newest(where),
      menu: (line) => this.acts.message(line),
      person: (name) => this.acts.person(name),
      again: (line) => this.again(line),
      drop: (line) => this.state.drop(this.state.current, line),
      seen: () => this.seen(),
    });
    this.composer = new Composer({
      send: (text) => this.send(text),
      names: () => this.names(),
      commands: () => this.state.commands,
      ask,
    });
    this.side = new Side({
      open: (where) => this.open(where),
      person: (name) => this.acts.person(name),
      find: () => this.acts.find(),
      me: () => this.acts.me(),
    });
    this.people = [];
    this.#build();
    this.#listen();
  }

  #build() {
    this.title = el("h1", { dir: "auto" });
    this.topic = el("p", { class: "topic", dir: "auto" });
    this.line = el("p", { class: "state", role: "status", hidden: true });
    const drawer = (side, label) =>
      el("button", { class: `drawer ${side}`, "aria-label": label, onclick: () => this.#drawer(side) }, side === "left" ? "☰" : "☺");
    const head = el("header", {}, drawer("left", "Rooms"), el("div", { class: "titles" }, this.title, this.topic),
      el("button", { class: "menu-of-room", "aria-label": "This room: topic, search, and more", onclick: () => this.acts.room() }, "⋯"),
      drawer("right", "People here"));
    // In the order of the Tab key: where one writes, what is said, the rooms, the people.
    this.middle = el("main", {}, head, this.line, this.composer.node, this.log.node);
    this.node = document.getElementById("room");
    this.node.append(this.middle, this.side.left, this.side.right);
    this.middle.addEventListener("click", (event) => {
      if (!this.node.dataset.drawer || event.target.closest(".drawer")) return;
      event.stopPropagation(); // it shuts the drawer, nothing else
      this.#drawer("");
    }, true);
  }
  // Open the rooms or the people where there is place for the messages only, or shut them.
  #drawer(side) {
    const now = this.node.dataset.drawer === side ? "" : side;
    this.node.dataset.drawer = now;
    if (now) (now === "left" ? this.side.left : this.side.right).querySelector("button")?.focus();
  }

  #listen() {
    const { wire, state } = this;
    wire.on("state", (now, text) => this.#turned(now, text));
    wire.on("event", (word, fields) => this.#heard(word, fields));
    wire.on("refused", (code, text, fields) => this.door.show(text, fields.wait));
    wire.on("pending", (cid, what, fields) => state.settle(cid, what, fields.text || ""));
    state.isSeen = () => document.visibilityState === "visible" && document.hasFocus() && this.log.isAtEnd;
    state.isHeld = () => !this.log.isAtEnd;
    state.listeners = {
      rooms: () => this.#dueRooms(),
      lines: (where, what, line) => {
        this.log.changed(where, what, line);
        if (where === state.current && what === "added" && state.isSeen()) this.seen();
      },
      people: (where) => where === state.current && this.#askPeople(),
      me: () => this.#showHead(),
      told: (text, isBad) => this.told(text, isBad),
      called: (where, line) => this.settings.called(where, line, (one) => this.open(one)),
      welcome: () => this.#welcome(),
      stale: () => this.refresh(),
      moved: () => this.open(state.current),
      goto: (where) => !this.#moving && where !== state.current && this.open(where, false),
      gap: (where) => this.past.newest(where),
      motd: (text) => card("A word from the operator", el("p", { class: "words", dir: "auto" }, ...withLinks(text))),
    };
    addEventListener("focus", () => this.seen());
    document.addEventListener("visibilitychange", () => this.seen());
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  start() {
    if (this.door.hasInvitation || !this.wire.resume()) this.door.show();
  }

  // -- coming and going --

  #quiet = 0;
  #turned(now, text) {
    clearTimeout(this.#quiet);
    if (now === "in") {
      this.door.hide();
      this.node.hidden = false;
      this.line.hidden = true;
    } else if (now === "out" || now === "ended") {
      shutAll();
      this.node.hidden = true;
      if (!this.wire.user) this.state.forget();
      this.door.show(text);
    } else if (now === "lost") {
      shutAll(); // what was asked there is void now
      if (this.node.hidden) this.door.show("The server cannot be reached. Trying again…");
      this.#quiet = setTimeout(() => {
        this.line.textContent = "The connection is lost. What you write is sent when it is back.";
        this.line.hidden = false;
      }, QUIET_SECONDS * 1000);
    } else if (now === "connecting" && !this.line.hidden) {
      clearTimeout(this.#quiet);
    }
  }

  #problem = ""; // what was wrong with the last answer
  #records = []; // of /export
  #heard(word, fields) {
    if (word === "prompt") this.#asked(fields);
    else if (word === "notice" && fields.kind === "error") this.#problem = fields.text;
    else if (word === "export") this.#records.push(JSON.stringify(fields));
    else this.state.hear(word, fields);
  }
  async #asked(fields) {
    const problem = this.#problem;
    this.#problem = "";
    const text = await askFor(fields.text, { secret: fields.secret, problem });
    const { state } = this.wire;
    if (text === null && state !== "in") this.wire.cancel();
    else if (state === "in" || state === "connecting") this.wire.answer(text ?? "");
  }

  async #welcome() {
    const { wire, state } = this;
    for (const post of wire.posts) {
      const where = post.to ? state.person(post.to) : state.rooms.get(post.room);
      if (where) state.waiting(where, post.cid, post.text);
    }
    // Without a cursor it begins where the last visit ended, which may have been another tab's.
    for (const one of state.rooms.values()) if (!wire.cursors.has(one.isPerson ? "" : one.id)) one.isLoaded = false;
    if (this.log.where !== state.current) this.open(state.current, false);
    else if (!state.current.isLoaded) this.past.newest(state.current);
    wire.room = state.current.isPerson ? wire.room : state.current.id;
    try {
      state.commands = (await wire.command("help", { command: "all" })).rows || [];
      const { messages } = await wire.command("mail", { number: TALKS });
      for (const fields of messages || []) state.conversationOf(fields);
      await this.refresh();
    } catch {
      /* lost again: the next welcome asks anew */
    }
  }

  async refresh() {
    try {
      const { rows } = await this.wire.command("rooms");
      for (const row of rows || []) {
        if (!row.joined) continue;
        const one = this.state.room(row.room_id, row.room);
        one.row = row;
        one.topic = row.topic;
      }
      this.#showHead();
      this.#askPeople();
      const unread = await this.past.oneAtATime("unread");
      if (unread.ok) this.state.tellUnread(unread.rows);
    } catch {
      /* lost: asked again when it is back */
    }
  }

  // -- rooms --

  #moving = 0; // how often the server was told in which room one talks, and has not answered yet
  async open(where, isTold = true) {
    const { state, wire } = this;
    if (state.current && state.current !== where) state.current.newFrom = "";
    state.current = where;
    this.node.dataset.drawer = "";
    if (!where.isPerson) {
      wire.room = where.id;
      if (isTold && wire.state === "in") {
        this.#moving++;
        wire.command("room", { room: where.id }).catch(() => {}).finally(() => this.#moving--);
      }
    }
    if (where.unread && !where.newFrom) {
      if (where.isLoaded) where.markNew(where.unread);
      else where.unmarked = where.unread;
    }
    this.log.show(where);
    where.unread = where.mentions = 0;
    this.composer.show(where, state.me);
    this.#showRooms();
    this.#showHead();
    if (matchMedia("(pointer: fine)").matches) this.composer.focus();
    if (!where.isLoaded) await this.past.newest(where);
    this.#askPeople();
    this.seen();
  }

  #reads = 0;
  seen() {
    const where = this.state.current;
    if (!where || !this.state.isSeen()) return;
    if (where.unread || where.mentions) {
      where.unread = where.mentions = 0;
      this.#dueRooms();
    }
    const last = where.last;
    if (this.#reads || !last || last.id === where.readUpto || !where.atEnd) return;
    where.readUpto = last.id;
    this.wire.read(where.isPerson ? "" : where.id, last.id);
    this.#reads = setTimeout(() => {
      this.#reads = 0;
      this.seen();
    }, READ_WAIT);
  }

  // -- people --

  #peopleTimer = 0;
  #askPeople() {
    clearTimeout(this.#peopleTimer);
    const where = this.state.current;
    if (!where || where.isPerson) {
      this.people = [];
      this.side.showPeople([]);
      return;
    }
    this.#peopleTimer = setTimeout(async () => {
      const result = await this.wire.command("who", { room: where.id }).catch(() => null);
      if (!result?.ok || where !== this.state.current) return;
      this.people = result.rows;
      this.side.showPeople(result.rows);
    }, PEOPLE_WAIT);
  }
  names() {
    const talked = this.state.current.lines.map((one) => one.from).filter(Boolean);
    return [...new Set([...this.people.map((row) => row.user), ...talked])].filter((one) => one !== this.state.me);
  }

  // -- talking --

  send(text) {
    const where = this.state.current;
    if (text.startsWith("/") && !text.startsWith("//")) {
      this.#command(text);
      return;
    }
    const said = text.startsWith("//") ? text.slice(1) : text;
    if (new TextEncoder().encode(JSON.stringify(said)).length + 200 > this.wire.lineBytes) {
      this.composer.put(text);
      this.told(`That message is too long: send it in parts of at most ${this.wire.lineBytes - 300} bytes.`, true);
      return;
    }
    const cid = this.wire.post(said, where.isPerson ? { to: where.name } : { room: where.id });
    this.state.waiting(where, cid, said);
    this.log.toEnd();
  }
  again(line) {
    const where = this.state.current;
    this.state.drop(where, line);
    const cid = this.wire.post(line.text, where.isPerson ? { to: where.name } : { room: where.id });
    this.state.waiting(where, cid, line.text);
  }
  async #command(text) {
    const word = text.slice(1).split(/\s/, 1)[0].toLowerCase();
    if (["clear", "help"].includes(word) && text.trim().length === word.length + 1) {
      if (word === "help") this.acts.help();
      return;
    }
    if (["quit", "exit", "bye", "disconnect"].includes(word)) {
      this.wire.leave();
      return;
    }
    const answer = await this.acts.show(this.wire.typed(text));
    if (word === "export" && answer) save("chatroom.jsonl", this.#records.splice(0));
    if (answer) this.refresh();
  }

  // -- what is shown --

  told(text, isBad = false) {
    if (this.node.hidden || !this.state.current) return announce(text);
    if (text.includes("\n")) return void card(isBad ? "That did not work" : "The server says", el("pre", {}, text));
    this.state.tellIn(this.state.current, text, isBad);
    return undefined;
  }
  #areRoomsDue = false;
  #dueRooms() {
    if (!this.#areRoomsDue) setTimeout(() => this.#showRooms(), ROOMS_WAIT);
    this.#areRoomsDue = true;
  }
  #showRooms() {
    this.#areRoomsDue = false;
    this.side.showRooms(this.state);
    const { unread, current } = this.state;
    const drawer = this.middle.querySelector(".drawer.left");
    drawer.dataset.calls = unread || "";
    drawer.setAttribute("aria-label", unread ? `Rooms, ${unread} for you` : "Rooms");
    document.title = `${unread ? `(${unread}) ` : ""}${current ? current.title : "Chatroom"}`;
    if (unread) navigator.setAppBadge?.(unread).catch(() => {});
    else navigator.clearAppBadge?.().catch(() => {});
  }
  #showHead() {
    const where = this.state.current;
    this.side.showMe(this.state);
    if (!where) return;
    this.title.textContent = where.title;
    const more = [where.row.private && "private", where.row.archived && "read only"].filter(Boolean).join(", ");
    clear(this.topic, [where.isPerson ? "Only the two of you see this." : where.topic || "", more ? ` (${more})` : ""].filter(Boolean));
  }

  #key(event) {
    if (this.node.hidden || document.querySelector("dialog[open]")) return;
    if (event.ctrlKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      this.acts.switcher();
    } else if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      const list = this.state.list;
      const at = list.indexOf(this.state.current) + (event.key === "ArrowDown" ? 1 : -1);
      this.open(list[(at + list.length) % list.length]);
      announce(this.state.current.title);
    } else if (event.ctrlKey && event.key === "F6") {
      event.preventDefault();
      if (document.activeElement === this.composer.input) this.log.list.focus();
      else this.composer.focus();
    } else if (event.key === "Escape") {
      this.node.dataset.drawer = "";
      this.log.toEnd();
      this.composer.focus();
    }
  }
}

// Offer lines as a file.
function save(name, lines) {
  const address = URL.createObjectURL(new Blob([lines.join("\n"), "\n"], { type: "application/jsonl" }));
  el("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

const app = new App();
app.start();
