// What one can do to messages, people and rooms: menus that are made of what this account may do.

import { clock, day, el, nameNode, whole } from "./dom.js";
import { ask, askFor, card, menu } from "./dialogs.js";

export class Acts {
  // app: state, wire, open(conversation), told(text, isBad), moveTo(conversation, id)
  constructor(app) {
    this.app = app;
  }
  #may(name) {
    return this.app.state.commands.some((row) => row.command === name);
  }
  get #runs() {
    const { state } = this.app;
    return state.grant === 0 || ["owner", "moderator"].includes(state.current?.row.role);
  }
  get #owns() {
    const { state } = this.app;
    return state.grant === 0 || state.current?.row.role === "owner";
  }

  // Carry out a command and show its answer; return the answer, null: it was refused.
  async run(name, args = {}, isShown = true) {
    return this.show(this.app.wire.command(name, args), isShown);
  }
  async show(answer, isShown = true) {
    let result;
    try {
      result = await answer;
    } catch {
      this.app.told("The connection is lost; that was not done.", true);
      return null;
    }
    if (!result.ok) {
      this.app.told(result.text, true);
      return null;
    }
    if (!isShown) return result;
    if (result.messages.length) this.found(result.head || "Messages", result.messages);
    else if (result.text.includes("\n")) card("Answer", el("pre", {}, result.text));
    else if (result.text) this.app.told(result.text);
    return result;
  }

  async #withReason(question, command, args) {
    const reason = await askFor(question);
    if (reason !== null) this.run(command, reason ? { ...args, reason } : args);
  }

  // -- a message --

  message(line) {
    const { state } = this.app;
    const where = state.current;
    const id = line.privateId || line.id;
    const acts = [{ label: "Copy the text", run: () => navigator.clipboard?.writeText(line.text) }];
    if (!where.isPerson && !line.mine) acts.push({ label: `Answer ${line.from}`, run: () => this.app.composer.put(`@${line.from} `) });
    if (line.mine || (this.#runs && !where.isPerson)) {
      acts.push({
        label: "Delete", isBad: true,
        run: async () => (await ask("Delete this message for everybody?", "Delete")) && this.run("delete", { id }),
      });
    }
    if (!line.mine) {
      acts.push({ label: `About ${line.from}…`, run: () => this.person(line.from) });
      acts.push({
        label: "Report…", isBad: true,
        run: () => this.#withReason("Why do you report this message? Who runs the room is shown it.", "report", { id }),
      });
    }
    menu(`${line.from}, ${whole(line.time)}`, acts);
  }

  // -- a person --

  async person(name) {
    const { state, wire } = this.app;
    let row = {};
    try {
      row = (await wire.command("whois", { user: name })).rows?.[0] || {};
    } catch {
      /* the menu is shown without it */
    }
    const where = state.current;
    const acts = [];
    const act = (label, command, isBad = false) => acts.push({ label, isBad, run: () => this.run(command, { user: name }) });
    const reasoned = (label, command) =>
      acts.push({ label: `${label}…`, isBad: true, run: () => this.#withReason(`${label}: ${name}? You may say why.`, command, { user: name }) });
    if (name !== state.me) {
      acts.push({ label: "Write privately", run: () => this.app.open(state.person(name)) });
      act("Hide what they say", "ignore");
    }
    if (name !== state.me && !where.isPerson && this.#runs) {
      acts.push(null);
      if (where.row.private) act(`Invite to ${where.title}`, "invite");
      if (where.id !== "lobby") act(`Remove from ${where.title}`, "remove", true);
      reasoned(`Mute in ${where.title} for 30 minutes`, "roommute");
      act(`Let write in ${where.title} again`, "unroommute");
      if (where.id !== "lobby") reasoned(`Ban from ${where.title}`, "roomban");
      if (this.#owns && where.id !== "lobby") {
        act("Make a moderator", "moderator");
        act("No longer a moderator", "unmoderator");
        acts.push({
          label: `Hand ${where.title} over`, isBad: true,
          run: async () => (await ask(`Make ${name} the owner of ${where.title}?`, "Hand over")) && this.run("transfer", { user: name }),
        });
      }
    }
    if (name !== state.me && this.#may("kickuser")) {
      acts.push(null);
      reasoned("Kick", "kickuser");
      reasoned("Mute everywhere", "mute");
      reasoned("Ban", "ban");
    }
    const state_ = row.here ? row.state || "here" : "not here";
    menu(`${name} · ${row.grant === 0 ? "superuser, " : ""}${state_}`, acts);
  }

  // -- the room --

  room() {
    const where = this.app.state.current;
    if (where.isPerson) {
      menu(where.title, [
        { label: `About ${where.name}…`, run: () => this.person(where.name) },
        { label: "Search here…", run: () => this.search() },
      ]);
      return;
    }
    const asked = (command, field, question, options) => async () => {
      const text = await askFor(question, options);
      if (text !== null) this.run(command, { [field]: text || "-" });
    };
    const acts = [
      { label: "What there is to know", run: () => this.run("roominfo", {}) },
      { label: "Rules", run: () => this.run("rules", {}) },
      { label: "Search…", run: () => this.search() },
    ];
    if (this.#runs) {
      acts.push(null, { label: "Topic…", run: asked("topic", "text", `What is ${where.title} about?`, { value: where.topic }) });
      acts.push({ label: "New rules…", run: asked("rules", "text", `The rules of ${where.title}:`, { lines: true }) });
      acts.push({ label: "Pace…", run: asked("slow", "length", "One message from each in how long? Such as 10s, or off.", { value: "off" }) });
      acts.push({ label: "Bans and mutes here", run: () => this.run("sanctions", {}) });
      if (where.row.private) {
        acts.push({ label: "Invite somebody…", run: asked("invite", "user", "Whom do you invite?") });
      }
    }
    if (this.#owns && where.id !== "lobby") {
      const flip = where.row.private ? ["Open to everybody", "public"] : ["Make private", "private"];
      const archive = where.row.archived ? ["Let people write again", "unarchive"] : ["Make read only", "archive"];
      acts.push(null);
      for (const [label, command] of [flip, archive]) {
        acts.push({ label, run: async () => (await this.run(command)) && this.app.refresh() });
      }
      acts.push({ label: "Another name…", run: asked("renameroom", "new", "What shall it be called?", { value: where.name }) });
      acts.push({ label: "Delete the room…", isBad: true, run: () => this.run("deleteroom") });
    }
    if (where.id !== "lobby") acts.push(null, { label: "Leave", isBad: true, run: () => this.run("leave", { room: where.id }) });
    menu(where.title, acts);
  }

  async find() {
    const answer = await this.run("rooms", {}, false);
    if (!answer) return;
    const others = answer.rows.filter((row) => !row.joined && !row.banned);
    const join = async (name) => {
      const joined = await this.run("join", { room: name }, false);
      if (joined) this.app.refresh();
    };
    menu("Rooms", [
      {
        label: "Make a room…",
        run: async () => {
          const name = await askFor("What shall the room be called?");
          if (!name) return;
          const isPrivate = await ask("Only for who is invited?", "Private", "For everybody");
          if (await this.run("create", { room: name, ...(isPrivate ? { private: "private" } : {}) }, false)) this.app.refresh();
        },
      },
      others.length ? null : undefined,
      ...others.map((row) => ({
        label: `#${row.room} · ${row.people} here${row.topic ? ` · ${row.topic}` : ""}`,
        run: () => join(row.room_id),
      })),
    ].filter((one) => one !== undefined));
  }

  me() {
    const { state, wire } = this.app;
    const settings = this.app.settings;
    const acts = [
      state.busy
        ? { label: "I am free again", run: () => this.run("free") }
        : {
            label: "Busy…",
            run: () => this.#withReason("Why are you busy? Others see it. Messages wait until you are free.", "busy", {}),
          },
      { label: settings.notifies ? "Stop notifications" : "Notify me when I am called", run: () => settings.toggleNotifications() },
      { label: settings.sounds ? "Silence" : "Sound when I am called", run: () => settings.toggleSound() },
      { label: "My sessions", run: () => this.run("sessions", {}) },
      { label: "All commands", run: () => this.help() },
      null,
      { label: "Log out", isBad: true, run: () => wire.leave() },
    ];
    menu(state.me, acts);
  }

  help() {
    const rows = this.app.state.commands.flatMap((row) => [el("dt", {}, `/${row.command} ${row.usage}`), el("dd", {}, row.summary)]);
    const keys = [["Enter", "send"], ["Shift+Enter", "new line"], ["Alt+↑ Alt+↓", "the next room"], ["Ctrl+K", "go to a room or a person"],
      ["Ctrl+F6", "from writing to the messages and back"], ["Esc", "to the newest message"]].flatMap(([key, what]) => [el("dt", {}, key), el("dd", {}, what)]);
    card("Keys and commands", el("dl", {}, ...keys), el("dl", {}, ...rows));
  }

  // -- looking for something --

  async search() {
    const where = this.app.state.current;
    const words = await askFor(`Find in ${where.title} and everywhere else:`, { yes: "Find" });
    if (!words) return;
    const answer = await this.run("search", { words }, false);
    if (answer) this.found(answer.messages.length ? `Found: ${words}` : answer.text, answer.messages);
  }

  found(title, messages) {
    const { state } = this.app;
    const list = el("ol", { class: "found" }, ...messages.map((fields) => {
      const where = state.conversationOf(fields);
      const time = new Date(fields.time);
      return el("li", {}, el("button", {
          onclick: () => (dialog.close(), this.app.past.moveTo(where, fields.private_id || fields.id)),
        },
        el("small", {}, `${where.title} · ${day(time)} ${clock(time)}`), nameNode(fields.from), " ",
        el("span", { dir: "auto" }, fields.kind === "removed" ? "(removed)" : fields.text)));
    }));
    const dialog = card(title, list);
  }

  switcher() {
    const { state } = this.app;
    const input = el("input", { type: "search", "aria-label": "Go to a room or a person", autocomplete: "off" });
    const list = el("ul", { class: "found" });
    const go = (one) => (dialog.close(), this.app.open(one));
    const fill = () => {
      const word = input.value.toLowerCase().replace(/^[#@]/, "");
      list.replaceChildren(...state.list.filter((one) => one.name.toLowerCase().includes(word)).map((one) =>
        el("li", {}, el("button", { onclick: () => go(one) }, el("bdi", {}, one.title)))));
    };
    input.addEventListener("input", fill);
    input.addEventListener("keydown", (event) => event.key === "Enter" && list.querySelector("button")?.click());
    const dialog = card("Go to", input, list);
    fill();
    input.focus();
  }

}
