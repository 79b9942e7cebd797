// Elements, times, colours of names, links. Texts become text nodes only: nothing is ever HTML.

export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name in node && !name.includes("-") && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((one) => one !== null && one !== undefined && one !== false));
  return node;
}

export function clear(node, ...children) {
  node.replaceChildren(...children.flat().filter(Boolean));
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, {
  weekday: "long", year: "numeric", month: "long", day: "numeric",
});
const WHOLE = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

export const clock = (date) => CLOCK.format(date);
export const day = (date) => DAY.format(date);
export const whole = (date) => WHOLE.format(date);

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});

// The colour of a name, 0 to 7: always the same one, the same as in a terminal.
export function colourOf(name) {
  let crc = 0xffffffff;
  for (const byte of new TextEncoder().encode(name.toLowerCase())) {
    crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  }
  return ((crc ^ 0xffffffff) >>> 0) % 8;
}

export function nameNode(name, props = {}) {
  return el("bdi", { ...props, class: `name n${colourOf(name)} ${props.class || ""}` }, name);
}

const LINK = /\bhttps?:\/\/[^\s<>"'`\u0000-\u001f]+/gi;

// Return a text as nodes, its addresses as links; what ends a sentence does not belong to one.
export function withLinks(text) {
  const nodes = [];
  let at = 0;
  for (const match of text.matchAll(LINK)) {
    let address = match[0].replace(/[.,;:!?'"\u2026]+$/, "");
    if (address.endsWith(")") && !address.includes("(")) address = address.slice(0, -1);
    let url;
    try {
      url = new URL(address);
    } catch {
      continue;
    }
    if (url.protocol !== "https:" && url.protocol !== "http:") continue;
    nodes.push(text.slice(at, match.index));
    nodes.push(el("a", { href: url.href, target: "_blank", rel: "noopener noreferrer" }, address));
    at = match.index + address.length;
  }
  nodes.push(text.slice(at));
  return nodes.filter((one) => one !== "");
}

let announced = 0;

// Say a sentence to who listens to a screen reader, once.
export function announce(sentence) {
  const place = document.getElementById("said");
  place.textContent = sentence;
  clearTimeout(announced);
  announced = setTimeout(() => (place.textContent = ""), 5000);
}

export function plural(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`;
}

export function initial(name) {
  return [...name][0].toUpperCase();
}
