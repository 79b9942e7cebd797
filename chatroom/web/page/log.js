// What is said in one room, as a list that grows at both ends.

import { announce, clock, day, el, nameNode, plural, whole, withLinks } from "./dom.js";

const NEAR = 80; // pixels from the end that still count as the end
const SAME = 5 * 60 * 1000; // a message that soon after one of the same person has no head of its own
const SAID = new Set(["text", "action", "private", "announce", "notice", "removed"]);

// acts: older(conversation), newest(conversation), menu(line, node), person(name, node), again(line),
// drop(line), seen(conversation)
export class Log {
  #acts;
  #where = null;
  #nodes = new Map(); // by line
  #fresh = 0;
  #isAsking = false;
  #markAfter = null; // the last line that was read when the room was opened

  constructor(acts) {
    this.#acts = acts;
    this.list = el("div", { role: "log", "aria-label": "Messages", tabindex: 0 });
    this.top = el("p", { class: "top" });
    this.#scroller = el("div", { class: "scroller" }, this.top, this.list);
    this.down = el("button", { class: "down", hidden: true, onclick: () => this.toEnd() });
    this.node = el("section", { class: "log" }, this.#scroller, this.down);
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && this.#older(), {
      root: this.#scroller, rootMargin: "200px 0px 0px 0px",
    }).observe(this.top);
    this.list.addEventListener("keydown", (event) => this.#key(event));
  }
  #scroller;

  get isAtEnd() {
    const box = this.#scroller;
    return box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
  }

  // -- what is shown ------------------------------------------------------------------------------

  show(where) {
    if (this.#where !== where) this.#markAfter = where.unread ? where.lines.at(-1 - where.unread) : null;
    this.#where = where;
    this.list.setAttribute("aria-live", "off");
    this.list.setAttribute("aria-label", `Messages in ${where.title}`);
    this.#all();
    this.#tellTop();
    this.toEnd();
    requestAnimationFrame(() => this.list.setAttribute("aria-live", "polite"));
  }

  changed(where, what, line) {
    if (where !== this.#where) return;
    const wasAtEnd = this.isAtEnd;
    if (what === "added") this.#added(line, wasAtEnd);
    else if (what === "front") this.#front();
    else if (what === "changed") this.#nodes.get(line)?.replaceWith(this.#node(line, this.#before(line)));
    else this.#all();
    if (wasAtEnd && what !== "front") this.toEnd();
    this.#tellTop();
  }

  #all() {
    const held = this.list.contains(document.activeElement) && document.activeElement.closest(".line")?.line;
    this.#nodes.clear();
    const nodes = [];
    let before = null;
    for (const line of this.#where.lines) {
      nodes.push(...this.#withDay(line, before));
      before = line;
    }
    this.list.replaceChildren(...nodes);
    if (held) {
      const now = this.#where.lines.find((one) => one === held || (held.cid && one.cid === held.cid));
      (this.#nodes.get(now) || this.list).focus({ preventScroll: true });
    }
  }

  #added(line, wasAtEnd) {
    const before = this.#where.lines.at(-2) || null;
    this.list.append(...this.#withDay(line, before));
    while (this.list.childElementCount > 700) this.#nodes.delete(this.list.firstElementChild.line), this.list.firstElementChild.remove();
    if (!wasAtEnd && SAID.has(line.kind) && !line.mine) {
      this.#fresh++;
      this.#tellDown();
    }
  }

  #front() {
    const box = this.#scroller;
    const held = [...this.list.children].find((one) => one.line && one.offsetTop + one.offsetHeight > box.scrollTop);
    const key = held?.line;
    const offset = held ? held.offsetTop - box.scrollTop : 0;
    const number = this.list.childElementCount;
    this.list.setAttribute("aria-live", "off");
    this.#all();
    const now = key && this.#nodes.get(key);
    if (now) box.scrollTop = now.offsetTop - offset;
    announce(plural(Math.max(0, this.list.childElementCount - number), "older message"));
    requestAnimationFrame(() => this.list.setAttribute("aria-live", "polite"));
  }

  #before(line) {
    return this.#where.lines[this.#where.lines.indexOf(line) - 1] || null;
  }

  #withDay(line, before) {
    const nodes = [];
    if (!before || before.time.toDateString() !== line.time.toDateString()) {
      nodes.push(el("div", { class: "day" }, el("span", {}, day(line.time))));
      before = null;
    }
    if (this.#markAfter && before === this.#markAfter) nodes.push(el("div", { class: "new" }, el("span", {}, "new")));
    nodes.push(this.#node(line, before));
    return nodes;
  }

  #node(line, before) {
    const isSaid = SAID.has(line.kind);
    const isNext =
      isSaid && before && before.from === line.from && before.kind === line.kind && line.kind !== "action" &&
      line.time - before.time < SAME;
    const time = el("time", { datetime: line.time.toISOString(), title: whole(line.time) }, clock(line.time));
    const classes = ["line", line.kind, isNext && "next", line.mentions && "mention", line.mine && "mine", line.state];
    const node = el("div", { class: classes.filter(Boolean).join(" "), tabindex: -1 });
    node.line = line;
    this.#nodes.set(line, node);
    if (!isSaid) {
      node.append(time, el("span", { class: "body" }, ...this.#told(line)));
      return node;
    }
    const name = nameNode(line.from, {
      role: "button", tabindex: -1, onclick: (event) => this.#acts.person(line.from, event.currentTarget),
    });
    const body = el("span", { class: "body", dir: "auto" });
    if (line.kind === "removed") body.append("(removed)");
    else body.append(...withLinks(line.text));
    const sender = line.kind === "announce" ? [name, " to everybody"] : line.kind === "action" ? ["* ", name] : [name];
    node.append(el("span", { class: "who" }, ...sender), time, body);
    if (line.id && line.kind !== "removed") {
      node.append(
        el("button", {
          class: "more", "aria-label": `More about the message of ${line.from}`, tabindex: -1,
          onclick: (event) => this.#acts.menu(line, event.currentTarget),
        }, "⋯"),
      );
    }
    if (line.mine && !line.id) node.append(this.#fate(line));
    return node;
  }

  #told(line) {
    if (line.kind === "join") return [nameNode(line.from), " has joined"];
    if (line.kind !== "leave") return withLinks(line.text);
    const why = line.text ? `: ${line.text}` : "";
    if (line.by && line.by !== line.from) return [nameNode(line.from), ` was removed by ${line.by}${why}`];
    return [nameNode(line.from), ` has left${why}`];
  }

  #fate(line) {
    if (line.state === "sent") return el("span", { class: "fate" }, "… not confirmed yet");
    const again = el("button", { onclick: () => this.#acts.again(line) }, "Send again");
    const drop = el("button", { onclick: () => this.#acts.drop(line) }, "Drop");
    const what = line.state === "unknown" ? "Nobody can say whether it arrived." : "Not sent.";
    return el("span", { class: "fate bad" }, `${what} ${line.why} `, again, " ", drop);
  }

  // -- scrolling ----------------------------------------------------------------------------------

  toEnd() {
    if (!this.#where.atEnd) return this.#acts.newest(this.#where);
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#fresh = 0;
    this.#tellDown();
    return undefined;
  }
  jumpTo(id) {
    const line = this.#where.lines.find((one) => one.id === id || one.privateId === id);
    const node = line && this.#nodes.get(line);
    if (!node) return false;
    node.scrollIntoView({ block: "center" });
    node.classList.add("found");
    this.#focus(node);
    return true;
  }

  #scrolled() {
    if (this.isAtEnd && this.#where?.atEnd) {
      this.#fresh = 0;
      this.#acts.seen(this.#where);
    }
    this.#tellDown();
  }
  #tellDown() {
    const isAway = !this.isAtEnd || !this.#where?.atEnd;
    this.down.hidden = !isAway;
    this.down.textContent = this.#fresh ? `${plural(this.#fresh, "new message")} ↓` : "To the newest ↓";
  }
  #tellTop() {
    const where = this.#where;
    this.top.textContent = where.hasMore ? "Earlier messages…" : `This is where ${where.title} begins.`;
  }
  async #older() {
    if (this.#isAsking || !this.#where?.hasMore || !this.#where.isLoaded) return;
    this.#isAsking = true;
    try {
      await this.#acts.older(this.#where);
    } finally {
      this.#isAsking = false;
    }
  }

  // -- by keyboard --------------------------------------------------------------------------------

  #focus(node) {
    node?.focus({ preventScroll: true });
    node?.scrollIntoView({ block: "nearest" });
  }
  #key(event) {
    const lines = [...this.list.querySelectorAll(".line")];
    const here = document.activeElement?.closest?.(".line");
    const at = lines.indexOf(here);
    const to = { ArrowUp: at < 0 ? lines.length - 1 : at - 1, ArrowDown: at + 1, Home: 0, End: lines.length - 1 }[event.key];
    if (to !== undefined && !event.altKey && !event.ctrlKey) {
      event.preventDefault();
      this.#focus(lines[Math.max(0, Math.min(to, lines.length - 1))]);
    } else if (event.key === "Enter" && here === event.target && here?.line.id) {
      event.preventDefault();
      this.#acts.menu(here.line, here);
    }
  }
}
