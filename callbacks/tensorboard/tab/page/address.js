// The state of the page in the address of TensorBoard's own page, as it writes the state of its other tabs:
// #layers&run1=deep_tanh%2Fseed1&epoch=20

export class Address {
  constructor(tab) {
    this.tab = tab;
    try {
      this.outside = window.parent;
      this.outside.location.hash; // eslint-disable-line no-unused-expressions -- raises where it may not be read
    } catch {
      this.outside = window;
    }
  }

  read() {
    const [tab, ...parts] = this.outside.location.hash.slice(1).split("&");
    if (tab !== this.tab) return {};
    const pairs = parts.map((part) => part.split("=")).filter((pair) => pair.length === 2);
    return Object.fromEntries(pairs.map((pair) => pair.map(decodeURIComponent)));
  }

  has(name) {
    return name in this.read();
  }

  /** Writes it soon: browsers refuse to do so hundreds of times, as while Play runs. */
  write(said) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.writeNow(said), 200);
  }

  writeNow(said) {
    const parts = Object.entries(said).map((pair) => pair.map(encodeURIComponent).join("="));
    const hash = `#${[this.tab, ...parts].join("&")}`;
    if (!this.outside.location.hash.startsWith(`#${this.tab}`) || hash === this.outside.location.hash) return;
    this.written = hash;
    this.outside.history.replaceState(this.outside.history.state, "", hash);
  }

  /** Calls `listener` where somebody else changed the address: a link that was followed, the button Back. */
  onChange(listener) {
    this.outside.addEventListener("hashchange", () => {
      if (this.outside.location.hash !== this.written && this.has("run1")) listener();
    });
  }
}
