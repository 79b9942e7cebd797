// Where one writes: several lines, drafts for each room, completion of commands and names.

import { el, plural } from "./dom.js";
import { tab } from "./store.js";

const DRAFT = "chatroom.draft.";
const ASK_ABOVE = 3; // lines that are sent without asking

// acts: send(text), names() → names of the room, commands() → rows of help, ask(question, yes)
export class Composer {
  #acts;
  #draft = "";
  #found = [];
  #at = -1;

  constructor(acts) {
    this.#acts = acts;
    this.options = el("ul", { id: "options", role: "listbox", "aria-label": "Completions", hidden: true });
    this.input = el("textarea", {
      rows: 1, autocomplete: "off", spellcheck: true, "aria-label": "Message", enterkeyhint: "send",
      "aria-controls": "options", "aria-autocomplete": "list",
    });
    this.button = el("button", { class: "send", "aria-label": "Send", onclick: () => this.#send() }, "Send");
    this.node = el("form", { class: "composer", onsubmit: (event) => event.preventDefault() }, this.options, this.input, this.button);
    this.input.addEventListener("keydown", (event) => this.#key(event));
    this.input.addEventListener("input", () => this.#typed());
    this.input.addEventListener("blur", () => setTimeout(() => this.#close(), 150));
  }

  // me: whose drafts they are
  show(where, me) {
    this.#draft = `${DRAFT}${me}.${where.id}`;
    this.input.value = tab.get(this.#draft) || "";
    this.input.placeholder = where.isPerson ? `Write to ${where.name} alone` : `Write in ${where.title}`;
    this.#fit();
    this.#close();
  }
  focus() {
    this.input.focus();
  }
  put(text) {
    this.input.value = text;
    this.#typed();
    this.focus();
  }

  #typed() {
    this.#fit();
    const text = this.input.value;
    if (text) tab.set(this.#draft, text);
    else tab.drop(this.#draft);
    this.#complete();
  }
  #fit() {
    this.input.style.height = "auto";
    this.input.style.height = `${Math.min(this.input.scrollHeight, 200)}px`;
  }

  async #send() {
    const text = this.input.value.replace(/\s+$/, "");
    if (!text.trim()) return;
    const lines = text.split("\n").length;
    if (lines > ASK_ABOVE && !(await this.#acts.ask(`Send these ${plural(lines, "line")} as one message?`, "Send"))) return;
    this.input.value = "";
    this.#typed();
    this.#acts.send(text);
  }

  #key(event) {
    const isOpen = !this.options.hidden;
    if (isOpen && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      this.#choose(this.#at + (event.key === "ArrowDown" ? 1 : -1));
    } else if (isOpen && (event.key === "Tab" || (event.key === "Enter" && this.#at >= 0))) {
      event.preventDefault();
      this.#take(this.#found[Math.max(0, this.#at)]);
    } else if (isOpen && event.key === "Escape") {
      event.stopPropagation();
      this.#close();
    } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.#send();
    }
  }

  // -- completion --

  #complete() {
    const text = this.input.value.slice(0, this.input.selectionStart);
    const command = /^\/([a-z-]*)$/i.exec(text);
    const name = /(?:^|\s)@([^\s@]{0,32})$/.exec(text) || /^\/[a-z-]+ ([^\s]{1,32})$/i.exec(text);
    if (command) {
      const begin = command[1].toLowerCase();
      this.#offer(
        this.#acts.commands()
          .filter((row) => row.command.startsWith(begin))
          .map((row) => ({ text: `/${row.command} `, shown: `/${row.command} ${row.usage}`, more: row.summary, from: 0 })),
      );
    } else if (name) {
      const begin = name[1].toLowerCase();
      const from = text.length - name[1].length;
      this.#offer(
        this.#acts.names().filter((one) => one.toLowerCase().startsWith(begin)).sort()
          .map((one) => ({ text: `${one} `, shown: one, more: "", from })),
      );
    } else {
      this.#close();
    }
  }
  #offer(found) {
    this.#found = found.slice(0, 8);
    this.#at = -1;
    this.options.replaceChildren(
      ...this.#found.map((one, i) =>
        el("li", { id: `option-${i}`, role: "option", "aria-selected": "false", onmousedown: (event) => (event.preventDefault(), this.#take(one)) },
          el("b", {}, one.shown), one.more ? ` ${one.more}` : ""),
      ),
    );
    this.options.hidden = !this.#found.length;
    this.input.removeAttribute("aria-activedescendant");
  }
  #choose(at) {
    this.#at = (at + this.#found.length) % this.#found.length;
    [...this.options.children].forEach((one, i) => one.setAttribute("aria-selected", String(i === this.#at)));
    this.input.setAttribute("aria-activedescendant", `option-${this.#at}`);
  }
  #take(one) {
    if (!one) return;
    const end = this.input.selectionStart;
    this.input.setRangeText(one.text, one.from, end, "end");
    this.#typed();
    this.#close();
    this.focus();
  }
  #close() {
    this.options.hidden = true;
    this.input.removeAttribute("aria-activedescendant");
  }
}
