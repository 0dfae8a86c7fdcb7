// <gateline-history label unit points silences from to>: one figure of a device over time, as a step line.
// points: [[epoch ms, number|null], …]; silences: [[from, to|null], …], drawn as bands. Redrawn when an attribute changes.
const WIDE = 600, HIGH = 150, LEFT = 58, RIGHT = 8, TOP = 10, BOTTOM = 24;
const SVG = "http://www.w3.org/2000/svg";
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const EXACT = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const NUMBER = new Intl.NumberFormat("en-GB");

/** The next of 1, 2, 5, 10, 20, … that is not below value. */
export function ceiling(value) {
  if (value <= 1) return 1;
  const ten = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((one) => one * ten).find((one) => one >= value);
}

function draw(name, attributes, parent) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  parent.append(node);
  return node;
}

class History extends HTMLElement {
  static observedAttributes = ["points", "silences", "to"];
  #pending = false;
  #points = [];

  connectedCallback() {
    this.addEventListener("pointermove", (event) => this.#read(event));
    this.addEventListener("pointerleave", () => this.#say(null));
    this.#ask();
  }
  attributeChangedCallback() { this.#ask(); }
  // Several attributes change in one turn: drawn once.
  #ask() {
    if (this.#pending || !this.isConnected) return;
    this.#pending = true;
    queueMicrotask(() => { this.#pending = false; this.#draw(); });
  }
  #json(name) { try { return JSON.parse(this.getAttribute(name)) ?? []; } catch { return []; } }
  #unit(value) { return `${NUMBER.format(value)}${this.getAttribute("unit") ?? ""}`; }

  #draw() {
    const points = this.#points = this.#json("points");
    const told = points.filter(([, value]) => value !== null);
    const to = Number(this.getAttribute("to")) || Date.now();
    const from = Math.min(Number(this.getAttribute("from")) || to, points[0]?.[0] ?? to, to - 60_000);
    const most = ceiling(Math.max(0, ...told.map(([, value]) => value)));
    const x = (at) => LEFT + ((at - from) / (to - from)) * (WIDE - LEFT - RIGHT);
    const y = (value) => TOP + (1 - value / most) * (HIGH - TOP - BOTTOM);
    this.scale = { from, to, x };
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${WIDE} ${HIGH}`);
    svg.setAttribute("role", "img");
    const label = this.getAttribute("label");
    svg.setAttribute("aria-label", told.length
      ? `${label} from ${CLOCK.format(from)} to ${CLOCK.format(to)}: now ${this.#unit(told.at(-1)[1])}, at most `
        + `${this.#unit(Math.max(...told.map(([, value]) => value)))}, at least ${this.#unit(Math.min(...told.map(([, value]) => value)))}.`
      : `${label}: nothing was told yet.`);
    for (const [begin, end] of this.#json("silences")) {
      const left = Math.max(x(begin), LEFT), right = Math.min(x(end ?? to), WIDE - RIGHT);
      if (right > left) draw("rect", { class: "silence", x: left, y: TOP, width: Math.max(1.5, right - left), height: HIGH - TOP - BOTTOM }, svg);
    }
    for (const value of [0, most / 2, most]) {
      draw("line", { class: "rule", x1: LEFT, x2: WIDE - RIGHT, y1: y(value), y2: y(value) }, svg);
      draw("text", { class: "axis", x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, svg).textContent = NUMBER.format(value);
    }
    for (const [place, anchor] of [[0, "start"], [0.5, "middle"], [1, "end"]]) {
      const at = from + place * (to - from);
      draw("text", { class: "axis", x: x(at), y: HIGH - 6, "text-anchor": anchor }, svg).textContent = CLOCK.format(at);
    }
    let path = "", before = null;
    for (const [at, value] of points) {
      if (value === null) { if (before !== null) path += `H${x(at).toFixed(1)}`; before = null; continue; }
      path += before === null ? `M${x(at).toFixed(1)} ${y(value).toFixed(1)}` : `H${x(at).toFixed(1)}V${y(value).toFixed(1)}`;
      before = value;
    }
    if (before !== null) path += `H${x(to).toFixed(1)}`;
    if (path) draw("path", { class: "line", d: path }, svg);
    this.cursor = draw("line", { class: "cursor", y1: TOP, y2: HIGH - BOTTOM, visibility: "hidden" }, svg);
    const caption = document.createElement("p");
    caption.className = "reading";
    caption.setAttribute("aria-hidden", "true");
    this.replaceChildren(svg, caption);
    this.#say(null);
  }

  #read(event) {
    const svg = this.querySelector("svg");
    if (!svg || !this.#points.length) return;
    const box = svg.getBoundingClientRect(), { from, to } = this.scale;
    const at = from + (((event.clientX - box.left) / box.width) * WIDE - LEFT) / (WIDE - LEFT - RIGHT) * (to - from);
    this.#say(this.#points.findLast(([one]) => one <= at) ?? null, at);
  }

  #say(point, at) {
    const caption = this.querySelector(".reading");
    if (!caption) return;
    const last = this.#points.findLast(([, value]) => value !== null);
    this.cursor.setAttribute("visibility", point ? "visible" : "hidden");
    if (point) for (const end of ["x1", "x2"]) this.cursor.setAttribute(end, this.scale.x(Math.min(Math.max(at, point[0]), this.scale.to)));
    const [when, value] = point ?? last ?? [null, null];
    caption.textContent = value === null ? (last ? "not told" : "Nothing was told yet.") : `${point ? EXACT.format(when) : this.#points.at(-1)[1] === null ? "last" : "now"}: ${this.#unit(value)}`;
  }
}
customElements.define("gateline-history", History);
