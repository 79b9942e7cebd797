// The door: log in, or make an account.

import { el } from "./dom.js";

// acts: login(name, password, stays), register(name, password, code, stays)
// An invitation stands in the address, #code=…: a fragment reaches no server and no log.
export class Door {
  #isNew = false;
  #code = "";
  #timer = 0;

  constructor(node, acts) {
    this.node = node;
    const asked = new URLSearchParams(location.hash.slice(1)).get("code");
    if (asked) {
      this.#code = asked;
      this.#isNew = true;
      history.replaceState(null, "", location.pathname); // it is as good as an account
    }
    this.name = el("input", { id: "name", name: "username", autocomplete: "username", required: true, maxlength: 32, autocapitalize: "none", spellcheck: false });
    this.password = el("input", { id: "password", name: "password", type: "password", required: true });
    this.again = el("input", { id: "again", type: "password", autocomplete: "new-password" });
    this.code = el("input", { id: "code", autocomplete: "off", value: this.#code });
    this.stays = el("input", { id: "stays", type: "checkbox" });
    this.problem = el("p", { class: "problem", role: "alert" });
    this.button = el("button", { class: "main" });
    this.other = el("button", { type: "button", class: "quiet", onclick: () => this.#turn(!this.#isNew) });
    this.title = el("h1", {}, "Chatroom");
    const field = (input, label) => el("label", { for: input.id }, label, input);
    this.rows = [field(this.again, "The same password again"), field(this.code, "Invitation, if you were given one")];
    this.form = el("form", {
        onsubmit: (event) => {
          event.preventDefault();
          this.#submit(acts);
        },
      },
      this.title, field(this.name, "Name"), field(this.password, "Password"), ...this.rows,
      el("label", { class: "check", for: "stays" }, this.stays, "Stay signed in on this device"),
      this.problem, this.button, this.other,
    );
    node.append(this.form);
    this.#turn(this.#isNew);
  }

  get hasInvitation() {
    return Boolean(this.#code);
  }
  // wait: seconds in which nothing is looked at
  show(problem = "", wait = 0) {
    const wasHidden = this.node.hidden;
    this.node.hidden = false;
    this.problem.textContent = problem;
    document.title = this.title.textContent;
    clearTimeout(this.#timer);
    this.busy(wait > 0);
    if (wait > 0) this.#timer = setTimeout(() => this.show(), wait * 1000);
    const first = this.name.value ? this.password : this.name;
    if (wasHidden || !this.node.contains(document.activeElement)) first.focus();
    else if (problem && this.password.value) this.password.select();
  }
  hide() {
    clearTimeout(this.#timer);
    this.node.hidden = true;
    this.password.value = this.again.value = this.code.value = "";
    this.#turn(false);
  }
  busy(is) {
    this.button.disabled = is;
    this.node.setAttribute("aria-busy", String(is));
  }

  #turn(isNew) {
    this.#isNew = isNew;
    for (const row of this.rows) row.hidden = !isNew;
    this.password.setAttribute("autocomplete", isNew ? "new-password" : "current-password");
    this.button.textContent = isNew ? "Make an account" : "Log in";
    this.again.required = isNew;
    this.other.textContent = isNew ? "I have an account" : "I am new here";
    this.problem.textContent = "";
  }
  #submit(acts) {
    const [name, password] = [this.name.value.trim(), this.password.value];
    if (this.#isNew && password !== this.again.value) {
      this.problem.textContent = "The two passwords are not the same. Type them again.";
      this.again.focus();
      return;
    }
    this.problem.textContent = "";
    this.busy(true);
    if (this.#isNew) acts.register(name, password, this.code.value.trim(), this.stays.checked);
    else acts.login(name, password, this.stays.checked);
  }
}
