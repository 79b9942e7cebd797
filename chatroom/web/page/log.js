// What is said in one room, as a list that grows at both ends.

import { announce, clock, day, el, nameNode, plural, whole, withLinks } from "./dom.js";
import { MOST } from "./state.js";

const NEAR = 80; // pixels from the end that still count as the end
const SAME = 5 * 60 * 1000; // a message that soon after one of the same person has no head of its own
const ALOUD = 5; // messages at once that are read aloud; of more their number is
const SAID = new Set(["text", "action", "private", "announce", "notice", "removed"]);

// acts: older(conversation), newest(conversation), menu(line, node), person(name, node), again(line),
// drop(line), seen(conversation). What changes is shown with the next picture, all at once.
export class Log {
  #acts;
  #scroller;
  #where = null;
  #nodes = new Map(); // by line
  #waiting = []; // lines that are to be added
  #isStale = false; // all is to be shown anew
  #isDue = false;
  #fresh = 0;
  #isAsking = false;
  isAtEnd = true; // and stays there when more comes

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
    // A keyboard on the screen, a draft that grows: what was at the end stays there.
    new ResizeObserver(() => this.isAtEnd && this.#stick()).observe(this.#scroller);
    this.list.addEventListener("keydown", (event) => this.#key(event));
  }

  get where() {
    return this.#where;
  }

  // -- what is shown --

  show(where) {
    this.#where = where;
    this.list.setAttribute("aria-label", `Messages in ${where.title}`);
    this.isAtEnd = true;
    this.#fresh = 0;
    this.#isStale = true;
    this.flush();
  }

  changed(where, what, line) {
    if (where !== this.#where) return;
    if (what === "front") {
      this.#front();
    } else if (what === "changed") {
      this.flush();
      this.#again(line);
    } else if (what === "missed") {
      this.#count(line);
      this.#tellDown();
    } else {
      if (what === "added") this.#waiting.push(line);
      if (what === "all" || this.#waiting.length > MOST) this.#isStale = true;
      if (!this.#isDue) requestAnimationFrame(() => this.flush());
      this.#isDue = true;
    }
  }

  // Show now what is to be shown.
  flush() {
    this.#isDue = false;
    if (!this.#where) return;
    const added = this.#waiting;
    this.#waiting = [];
    if (this.#isStale) {
      this.#quietly(() => (this.isAtEnd ? this.#all() : this.#held(() => this.#all())));
    } else if (added.length) {
      const nodes = [];
      let before = this.list.lastElementChild?.line || null;
      for (const line of added) {
        nodes.push(...this.#withDay(line, before));
        before = line;
        if (!this.isAtEnd) this.#count(line);
      }
      if (added.length > ALOUD) {
        this.#quietly(() => this.list.append(...nodes));
        announce(plural(added.length, "message"));
      } else {
        this.list.append(...nodes);
      }
      this.#trim();
    }
    this.#isStale = false;
    if (this.isAtEnd) this.#stick();
    this.#tellDown();
    this.#tellTop();
  }

  #count(line) {
    if (SAID.has(line.kind) && !line.mine) this.#fresh++;
  }
  #trim() {
    while (this.list.childElementCount > MOST + 100) {
      this.#nodes.delete(this.list.firstElementChild.line);
      this.list.firstElementChild.remove();
    }
    const first = this.list.firstElementChild;
    if (first?.line) first.before(this.#day(first.line));
  }
  // Do something that is not read aloud.
  #quietly(act) {
    this.list.setAttribute("aria-live", "off");
    act();
    requestAnimationFrame(() => this.list.setAttribute("aria-live", "polite"));
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
    if (held) (this.#nodes.get(this.#same(held)) || this.list).focus({ preventScroll: true });
  }
  #same(line) {
    return this.#where.lines.find((one) => one === line || (line.id && one.id === line.id) || (line.cid && one.cid === line.cid));
  }
  #again(line) {
    const node = this.#nodes.get(line);
    if (!node) return;
    const isHeld = node.contains(document.activeElement);
    const now = this.#node(line, this.#before(line));
    node.replaceWith(now);
    if (isHeld) now.focus({ preventScroll: true });
    if (this.isAtEnd) this.#stick();
  }

  #front() {
    const number = this.#where.lines.length;
    const had = this.#nodes.size;
    this.#quietly(() => this.#held(() => this.#all()));
    this.#isStale = false;
    this.#waiting = [];
    if (number > had) announce(plural(number - had, "older message"));
    this.#tellDown();
    this.#tellTop();
  }
  // Change the list so that the first message that is seen stays where it is.
  #held(act) {
    const box = this.#scroller;
    const held = [...this.list.children].find((one) => one.line && one.offsetTop + one.offsetHeight > box.scrollTop);
    const offset = held ? held.offsetTop - box.scrollTop : 0;
    act();
    const now = held && this.#nodes.get(this.#same(held.line));
    if (now) box.scrollTop = now.offsetTop - offset;
  }

  #before(line) {
    return this.#where.lines[this.#where.lines.indexOf(line) - 1] || null;
  }

  #withDay(line, before) {
    const nodes = [];
    if (!before || before.time.toDateString() !== line.time.toDateString()) {
      nodes.push(this.#day(line));
      before = null;
    }
    if (line.id && line.id === this.#where.newFrom) {
      this.list.querySelector(".new")?.remove();
      nodes.push(el("div", { class: "new" }, el("span", {}, "new")));
      before = null;
    }
    nodes.push(this.#node(line, before));
    return nodes;
  }

  #day(line) {
    return el("div", { class: "day" }, el("span", {}, day(line.time)));
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
    const isAct = line.kind === "action";
    if (isAct) body.append("* ", name, " ");
    body.append(...(line.kind === "removed" ? ["(removed)"] : withLinks(line.text)));
    if (!isAct) node.append(el("span", { class: "who" }, name, line.kind === "announce" && " to everybody"));
    node.append(time, body);
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
    if (line.state === "past") return el("span", { class: "fate" }, "It had arrived before.");
    if (line.state === "sent") return el("span", { class: "fate" }, "… not confirmed yet");
    const again = el("button", { onclick: () => this.#acts.again(line) }, "Send again");
    const drop = el("button", { onclick: () => this.#acts.drop(line) }, "Drop");
    const what = line.state === "unknown" ? "Nobody can say whether it arrived." : "Not sent.";
    return el("span", { class: "fate bad" }, `${what} ${line.why} `, again, " ", drop);
  }

  // -- scrolling --

  toEnd() {
    this.isAtEnd = true;
    this.#fresh = 0;
    if (!this.#where.atEnd) return this.#acts.newest(this.#where);
    this.flush();
    this.#acts.seen(this.#where);
    return undefined;
  }
  #stick() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }
  jumpTo(id) {
    this.flush();
    const line = this.#where.lines.find((one) => one.id === id || one.privateId === id);
    const node = line && this.#nodes.get(line);
    if (!node) return false;
    this.isAtEnd = false;
    node.scrollIntoView({ block: "center" });
    node.classList.add("found");
    this.#focus(node);
    return true;
  }

  #scrolled() {
    const box = this.#scroller;
    this.isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR && Boolean(this.#where?.atEnd);
    if (this.isAtEnd) {
      this.#fresh = 0;
      this.#acts.seen(this.#where);
    }
    this.#tellDown();
  }
  #tellDown() {
    this.down.hidden = this.isAtEnd;
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

  // -- by keyboard --

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
