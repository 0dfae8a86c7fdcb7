// <gateline-time at="epoch ms" form="clock|ago|day">: a time as the reader's own clock has it. "ago" goes on by itself.
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const BOTH = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const STEPS = [["day", 86_400], ["h", 3_600], ["min", 60], ["s", 1]];
const shown = new Set();

export function ago(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [name, size] = STEPS.find(([, one]) => seconds >= one) ?? STEPS.at(-1);
  const count = Math.floor(seconds / size);
  return `${count} ${name}${name === "day" && count !== 1 ? "s" : ""}`;
}

function text(at, form) {
  if (form === "ago") return ago(Date.now() - at);
  if (form === "until") return at > Date.now() ? `in ${ago(at - Date.now())}` : "now";
  if (form === "day") return DAY.format(at);
  if (form === "both") return BOTH.format(at);
  // Of another day, the time of day alone would mislead.
  return Math.abs(Date.now() - at) < 43_200_000 ? CLOCK.format(at) : BOTH.format(at);
}

class Time extends HTMLElement {
  static observedAttributes = ["at", "form"];
  connectedCallback() { shown.add(this); this.show(); }
  disconnectedCallback() { shown.delete(this); }
  attributeChangedCallback() { if (this.isConnected) this.show(); }
  show() {
    const at = Number(this.getAttribute("at"));
    const words = at ? text(at, this.getAttribute("form")) : "";
    if (this.textContent !== words) this.textContent = words;
    if (at) this.title = new Date(at).toISOString();
  }
}
customElements.define("gateline-time", Time);
setInterval(() => { for (const one of shown) one.show(); }, 1000);
