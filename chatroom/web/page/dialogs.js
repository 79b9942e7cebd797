// Questions, menus and cards in front of the page. Focus goes back to where it was.

import { el } from "./dom.js";

function open(node, first) {
  const before = document.activeElement;
  document.getElementById("dialogs").append(node);
  node.addEventListener("close", () => {
    const isElsewhere = !node.contains(document.activeElement) && document.activeElement !== document.body;
    node.remove();
    if (!isElsewhere) before?.focus?.();
  });
  node.showModal();
  first?.focus();
  return node;
}

// Ask yes or no; the promise is true for yes.
export function ask(question, yes = "Yes", no = "Cancel") {
  return new Promise((resolve) => {
    const sure = el("button", { class: "main", onclick: () => (resolve(true), dialog.close()) }, yes);
    const dialog = el("dialog", { "aria-label": question }, el("p", {}, question),
      el("div", { class: "buttons" }, sure, el("button", { onclick: () => dialog.close() }, no)));
    dialog.addEventListener("close", () => resolve(false));
    open(dialog, sure);
  });
}

// Shut what is open; whoever asked is told that nothing was given.
export function shutAll() {
  for (const one of document.querySelectorAll("dialog")) one.close();
}

// Ask for a text; the promise is null when nothing was given.
export function askFor(question, { value = "", secret = false, lines = false, yes = "OK", problem = "" } = {}) {
  return new Promise((resolve) => {
    const input = lines
      ? el("textarea", { rows: 6, "aria-label": question })
      : el("input", { type: secret ? "password" : "text", "aria-label": question, autocomplete: "off" });
    input.value = value;
    const form = el("form", {
        method: "dialog",
        onsubmit: () => resolve(input.value),
      },
      problem ? el("p", { class: "bad", role: "alert" }, problem) : null, el("p", { class: "question" }, question), input,
      el("div", { class: "buttons" }, el("button", { class: "main" }, yes),
        el("button", { type: "button", onclick: () => dialog.close() }, "Cancel")));
    const dialog = el("dialog", { "aria-label": question }, form);
    dialog.addEventListener("close", () => resolve(null));
    open(dialog, input);
  });
}

// Show acts: each { label, run, isBad }; null between them is a line.
export function menu(title, acts) {
  const buttons = acts.map((act) =>
    act === null
      ? el("hr")
      : el("button", { class: act.isBad ? "bad" : "", onclick: () => (dialog.close(), act.run()) }, act.label));
  const dialog = el("dialog", { class: "menu", "aria-label": title }, el("h2", { dir: "auto" }, title), ...buttons,
    el("button", { class: "quiet", onclick: () => dialog.close() }, "Close"));
  dialog.addEventListener("keydown", (event) => {
    const all = [...dialog.querySelectorAll("button")];
    const at = all.indexOf(document.activeElement);
    if (event.key === "ArrowDown") all[(at + 1) % all.length].focus();
    if (event.key === "ArrowUp") all[(at - 1 + all.length) % all.length].focus();
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  open(dialog, buttons.find((one) => one.tagName === "BUTTON"));
}

// Show something longer, such as the answer to a command.
export function card(title, ...nodes) {
  const shut = el("button", { class: "main", onclick: () => dialog.close() }, "Close");
  const dialog = el("dialog", { class: "card", "aria-label": title }, el("h2", { dir: "auto" }, title), ...nodes, shut);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  open(dialog, shut);
  return dialog;
}
