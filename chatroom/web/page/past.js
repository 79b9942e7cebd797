// Reading back: what was said before, the newest, and what stands around a message.

const PAGE = 100;

// app: wire, state, log, open(conversation), seen()
export class Past {
  constructor(app) {
    this.app = app;
  }

  // The server reads back for a person one at a time.
  #reading = Promise.resolve();
  oneAtATime(name, args) {
    const answer = this.#reading.then(() => this.app.wire.command(name, args));
    this.#reading = answer.catch(() => {});
    return answer;
  }
  #history(where, args) {
    const of = where.isPerson ? { with: where.name } : { room: where.id };
    return this.oneAtATime("history", { ...of, number: PAGE, ...args }).catch(() => null);
  }
  async older(where) {
    const first = where.first;
    if (!first) return;
    const result = await this.#history(where, { before: first.privateId || first.id });
    if (result?.ok && where.first === first) this.app.state.readBack(where, result.messages, result.more);
    else if (result && !result.ok) where.hasMore = false;
  }
  async newest(where) {
    where.late = [];
    const result = await this.#history(where, {});
    if (result?.ok) this.app.state.readBack(where, result.messages, result.more, true);
    where.late = null;
    if (!result?.ok) return;
    if (result.last && !where.isPerson && !this.app.wire.cursors.has(where.id)) this.app.wire.cursors.set(where.id, result.last);
    if (where === this.app.state.current) {
      this.app.log.toEnd();
      this.app.seen();
    }
  }
  async moveTo(where, id) {
    await this.app.open(where);
    if (this.app.log.jumpTo(id)) return;
    const result = await this.#history(where, { around: id });
    if (!result?.ok || where !== this.app.state.current) return;
    this.app.state.readBack(where, result.messages, true, true, false);
    this.app.log.jumpTo(id);
  }
}
