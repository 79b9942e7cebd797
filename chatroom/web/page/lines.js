// Lines of events, as docs/protocol.md has them.

export function encode(word, fields) {
  return `>${word} ${JSON.stringify(fields)}`;
}

// Return [word, fields] of one line; null: it is none.
export function decode(line) {
  const match = /^>([a-z]+) (\{.*\})$/.exec(line);
  if (!match) return null;
  try {
    return [match[1], JSON.parse(match[2])];
  } catch {
    return null;
  }
}

export function letters(number) {
  const bytes = crypto.getRandomValues(new Uint8Array(number));
  return Array.from(bytes, (one) => "abcdefghijklmnopqrstuvwxyz0123456789"[one % 36]).join("");
}
