// The rooms on one side, the people on the other.

import { clear, el, initial, nameNode } from "./dom.js";

// Make lists anew; the button that had the focus has it again.
function keepFocus(node, act) {
  const key = node.contains(document.activeElement) && document.activeElement.dataset.key;
  act();
  if (key) [...node.querySelectorAll("button")].find((one) => one.dataset.key === key)?.focus({ preventScroll: true });
}

// acts: open(conversation), person(name, node), join(), leaveAll(), and so on: what stands in the menu
export class Side {
  #acts;
  constructor(acts) {
    this.#acts = acts;
    this.rooms = el("ul", { class: "rooms" });
    this.talks = el("ul", { class: "rooms" });
    this.people = el("ul", { class: "people" });
    this.number = el("span");
    this.me = el("button", { class: "me", onclick: (event) => acts.me(event.currentTarget) });
    this.left = el("nav", { class: "side left", "aria-label": "Rooms", id: "rooms" },
      el("h2", {}, "Rooms"), this.rooms,
      el("button", { class: "quiet add", onclick: () => acts.find() }, "+ Find or make a room"),
      el("h2", {}, "Private"), this.talks, this.me);
    this.right = el("aside", { class: "side right", "aria-label": "People here", id: "people" },
      el("h2", {}, "Here now ", this.number), this.people);
  }

  showRooms(state) {
    const nodes = { rooms: [], talks: [] };
    for (const one of state.list) {
      const isCurrent = one === state.current;
      const badge = one.mentions || (one.isPerson && one.unread);
      const number = one.unread ? el("span", { class: badge ? "badge call" : "badge" }, String(one.unread)) : null;
      const told = one.unread === 1 ? " unread message" : " unread messages";
      const more = one.unread ? el("span", { class: "unseen" }, `${told}${one.mentions ? `, ${one.mentions} for you` : ""}`) : null;
      nodes[one.isPerson ? "talks" : "rooms"].push(
        el("li", {},
          el("button", {
              class: one.unread ? "unread" : "", "data-key": one.id, "aria-current": isCurrent ? "page" : null,
              onclick: () => this.#acts.open(one),
            },
            el("bdi", {}, one.title), number, more)));
    }
    keepFocus(this.left, () => {
      clear(this.rooms, nodes.rooms);
      clear(this.talks, nodes.talks);
    });
    this.talks.previousElementSibling.hidden = !nodes.talks.length;
  }

  showPeople(rows) {
    this.number.textContent = rows.length ? `(${rows.length})` : "";
    keepFocus(this.right, () => clear(this.people, rows.map((row) => {
      const role = { owner: "owner", moderator: "moderator" }[row.role] || (row.grant === 0 ? "superuser" : "");
      const state = [role, row.busy && "busy", row.away && "away", row.muted && "muted"].filter(Boolean).join(", ");
      return el("li", {},
        el("button", { class: row.busy || row.away ? "absent" : "", "data-key": row.user, onclick: (event) => this.#acts.person(row.user, event.currentTarget) },
          nameNode(row.user), state ? el("small", {}, ` ${state}`) : null));
    })));
  }

  showMe(state) {
    clear(this.me, [el("span", { class: "initial", "aria-hidden": "true" }, state.me ? initial(state.me) : ""),
      nameNode(state.me), el("small", {}, state.busy ? ` busy${state.busy === "busy" ? "" : `: ${state.busy}`}` : ""),
      el("span", { class: "unseen" }, ": settings, busy, log out")]);
  }
}
