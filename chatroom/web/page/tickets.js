// The right to come back, with the name of whose it is: kept for this tab, or for this device, where
// all tabs of one person share it.
import { device, tab } from "./store.js";

const TICKET = "chatroom.ticket";

export class Tickets {
  get stays() {
    return device.get(TICKET) !== null;
  }
  // Return the newest one of a person, or of anybody; empty: there is none.
  get(name = "") {
    for (const store of [device, tab]) {
      const [owner, ticket] = (store.get(TICKET) || "").split(" ");
      if (ticket && (!name || owner === name)) return ticket;
    }
    return "";
  }
  set(name, ticket, stays) {
    (stays ? tab : device).drop(TICKET);
    (stays ? device : tab).set(TICKET, `${name} ${ticket}`);
  }
  forget() {
    tab.drop(TICKET);
    device.drop(TICKET);
  }
  // Let one tab after another come back: each time the ticket may be replaced.
  alone(act) {
    if (this.stays && navigator.locks) navigator.locks.request(TICKET, act);
    else act();
  }
}
