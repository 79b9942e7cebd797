// What one has chosen for this browser: notifications, sound. And what is shown outside of the page.

import { device } from "./store.js";

const KEY = "chatroom.settings";

export class Settings {
  #kept = { notifies: false, sounds: false };
  #audio = null;

  constructor(told) {
    this.told = told;
    try {
      Object.assign(this.#kept, JSON.parse(device.get(KEY) || "{}"));
    } catch {
      /* as at the first time */
    }
  }
  get notifies() {
    return this.#kept.notifies && "Notification" in window && Notification.permission === "granted";
  }
  get sounds() {
    return this.#kept.sounds;
  }
  #keep() {
    device.set(KEY, JSON.stringify(this.#kept));
  }

  async toggleNotifications() {
    if (this.notifies) {
      this.#kept.notifies = false;
    } else if (!("Notification" in window) || (await Notification.requestPermission()) !== "granted") {
      this.told("This browser does not let the page notify you. Allow it beside the address.", true);
      return;
    } else {
      this.#kept.notifies = true;
    }
    this.#keep();
    this.told(this.#kept.notifies ? "You are notified when somebody calls you." : "No notifications any more.");
  }
  toggleSound() {
    this.#kept.sounds = !this.#kept.sounds;
    this.#keep();
    if (this.#kept.sounds) this.ring();
  }

  ring() {
    if (!this.#kept.sounds) return;
    try {
      this.#audio ||= new AudioContext();
      const tone = this.#audio.createOscillator();
      const volume = this.#audio.createGain();
      tone.frequency.value = 660;
      volume.gain.setValueAtTime(0.08, this.#audio.currentTime);
      volume.gain.exponentialRampToValueAtTime(0.0001, this.#audio.currentTime + 0.25);
      tone.connect(volume).connect(this.#audio.destination);
      tone.start();
      tone.stop(this.#audio.currentTime + 0.25);
    } catch {
      /* it stays silent */
    }
  }

  // Somebody calls: outside of the page too, when nobody looks at it.
  called(where, line, open) {
    this.ring();
    if (!this.notifies || document.visibilityState === "visible") return;
    const title = where.isPerson ? line.from : `${line.from} in ${where.title}`;
    const shown = new Notification(title, { body: line.text.slice(0, 200), tag: where.id, icon: "/icon.svg" });
    shown.addEventListener("click", () => {
      focus();
      open(where);
      shown.close();
    });
  }
}
