// The page as a whole: what the wire hears goes to the state, what the state tells is shown.

import { Acts } from "./acts.js";
import { Composer } from "./composer.js";
import { ask, askFor, card } from "./dialogs.js";
import { announce, clear, el } from "./dom.js";
import { Log } from "./log.js";
import { Door } from "./login.js";
import { Settings } from "./settings.js";
import { Side } from "./side.js";
import { State } from "./state.js";
import { Wire } from "./wire.js";

const QUIET_SECONDS = 3; // a lost connection is not told before
const PAGE = 100;
const PEOPLE_WAIT = 400;

class App {
  constructor() {
    this.wire = new Wire();
    this.state = new State();
    this.settings = new Settings((text, isBad) => this.told(text, isBad));
    this.acts = new Acts(this);
    this.door = new Door(document.getElementById("door"), {
      login: (...given) => this.wire.login(...given),
      register: (...given) => this.wire.register(...given),
    });
    this.log = new Log({
      older: (where) => this.older(where),
      newest: (where) => this.newest(where),
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
    this.middle = el("main", {}, head, this.line, this.log.node, this.composer.node);
    this.node = document.getElementById("room");
    this.node.append(this.side.left, this.middle, this.side.right);
    this.node.addEventListener("click", (event) => {
      if (event.target === this.node || event.target.closest("main")) this.#drawer("");
    });
  }
  #drawer(side) {
    const now = this.node.dataset.drawer === side ? "" : side;
    if (event?.target?.closest?.("button.drawer") && !side) return;
    this.node.dataset.drawer = now;
    if (now) (now === "left" ? this.side.left : this.side.right).querySelector("button")?.focus();
  }

  #listen() {
    const { wire, state } = this;
    wire.on("state", (now, text) => this.#turned(now, text));
    wire.on("event", (word, fields) => (word === "prompt" ? this.#asked(fields) : state.hear(word, fields)));
    wire.on("refused", (code, text) => {
      this.node.hidden = true;
      this.door.show(code === "ticket" ? "" : text);
    });
    wire.on("pending", (cid, what, fields) => state.settle(cid, what === "unknown" ? "unknown" : what, fields.text || ""));
    state.isSeen = () => document.visibilityState === "visible" && document.hasFocus() && this.log.isAtEnd;
    state.listeners = {
      rooms: () => this.#showRooms(),
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
      goto: (where) => this.open(where, false),
    };
    addEventListener("focus", () => this.seen());
    document.addEventListener("visibilitychange", () => this.seen());
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  start() {
    if (!this.wire.resume()) this.door.show();
  }

  // -- coming and going -----------------------------------------------------------------------------

  #turned(now, text) {
    clearTimeout(this.#quiet);
    if (now === "in") {
      this.door.hide();
      this.node.hidden = false;
      this.line.hidden = true;
    } else if (now === "out" || now === "ended") {
      this.node.hidden = true;
      this.door.show(text);
    } else if (now === "lost" && !this.node.hidden) {
      this.#quiet = setTimeout(() => {
        this.line.textContent = "The connection is lost. What you write is sent when it is back.";
        this.line.hidden = false;
      }, QUIET_SECONDS * 1000);
    }
  }
  #quiet = 0;

  async #welcome() {
    this.open(this.state.current, false);
    try {
      this.state.commands = (await this.wire.command("help", { command: "all" })).rows || [];
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
      this.#showRooms();
      this.#showHead();
      this.#askPeople();
    } catch {
      /* lost: asked again when it is back */
    }
  }

  async #asked(fields) {
    const text = await askFor(fields.text, { secret: fields.secret });
    this.wire.answer(text ?? "");
  }

  // -- rooms ------------------------------------------------------------------------------------------

  async open(where, isTold = true) {
    const { state, wire } = this;
    state.current = where;
    this.node.dataset.drawer = "";
    if (!where.isPerson) {
      wire.room = where.id;
      if (isTold && wire.state === "in") wire.command("room", { room: where.id }).catch(() => {});
    }
    this.log.show(where);
    where.unread = where.mentions = 0;
    this.composer.show(where);
    this.#showRooms();
    this.#showHead();
    if (matchMedia("(pointer: fine)").matches) this.composer.focus();
    if (!where.isLoaded) await this.newest(where);
    this.#askPeople();
    this.seen();
  }

  seen() {
    const where = this.state.current;
    if (!where || !this.state.isSeen()) return;
    const last = where.last;
    if (where.unread || where.mentions) {
      where.unread = where.mentions = 0;
      this.#showRooms();
    }
    if (last?.id && last.id !== where.readUpto) {
      where.readUpto = last.id;
      this.wire.read(where.isPerson ? "" : where.id, last.id);
    }
  }

  // One /history at a time: the server runs one for a person.
  #reading = Promise.resolve();
  #history(args) {
    const answer = this.#reading.then(() => this.wire.command("history", args));
    this.#reading = answer.catch(() => {});
    return answer;
  }
  #of(where) {
    return where.isPerson ? { with: where.name } : { room: where.id };
  }
  async older(where) {
    const first = where.first;
    if (!first) return this.newest(where);
    const result = await this.#history({ ...this.#of(where), number: PAGE, before: first.privateId || first.id }).catch(() => null);
    if (result?.ok) this.state.readBack(where, result.messages, result.more);
    return undefined;
  }
  async newest(where) {
    const result = await this.#history({ ...this.#of(where), number: PAGE }).catch(() => null);
    if (!result) return;
    if (result.ok) this.state.readBack(where, result.messages, result.more, true, true);
    else where.isLoaded = true;
    this.log.toEnd();
  }
  async moveTo(where, id) {
    await this.open(where);
    if (this.log.jumpTo(id)) return;
    const result = await this.#history({ ...this.#of(where), number: PAGE, around: id }).catch(() => null);
    if (!result?.ok) return;
    this.state.readBack(where, result.messages, true, true, false);
    this.log.jumpTo(id);
  }

  // -- people -----------------------------------------------------------------------------------------

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

  // -- talking ----------------------------------------------------------------------------------------

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
    await this.acts.show(this.wire.typed(text));
    if (["join", "create", "leave", "part", "talk"].includes(word)) this.refresh();
  }

  // -- what is shown ----------------------------------------------------------------------------------

  told(text, isBad = false) {
    if (this.node.hidden || !this.state.current) return announce(text);
    if (text.includes("\n")) return void card(isBad ? "That did not work" : "The server says", el("pre", {}, text));
    this.state.tellIn(this.state.current, text, isBad);
    return undefined;
  }
  #showRooms() {
    this.side.showRooms(this.state);
    const { unread, current } = this.state;
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

const app = new App();
app.start();
