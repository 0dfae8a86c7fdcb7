// <gateline-chart>: bars over time, redrawn in place: nothing flickers, moves or is made anew when figures change.
//
// Attribute `given`, JSON: {from_ms, step_ms, names: [..], rows: [[a, b], ..]}, a row for each step. Attribute `mode`:
// `mirror` (the first above the line, the second below) or `stack`. Attribute `label`: the chart's name. The same
// numbers are its table. Keys and pointer read out one step. What figures mean is the page's business.
import { element, make, say } from "./plan_lane.js";

const HIGH_PX = 150, LEFT_PX = 34, BOTTOM_PX = 20, TOP_PX = 8, TICK_PX = 74, ROWS_MOST = 400;
const TICKS_MIN = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720];
// Of 24 hours, by the reader's own time zone, as everywhere on the pages (time.js).
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const exact = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
let charts = 0;

// The least of 1, 2, 5 times a power of ten that is not below `value`.
function nice(value) {
  if (value <= 4) return 4;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 10].map((one) => one * power).find((one) => one >= value);
}

class Chart extends HTMLElement {
  static observedAttributes = ["given"];

  constructor() {
    super();
    this.shown = null;
    this.at = null;
  }

  connectedCallback() {
    if (!this.svg) this.build();
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(this);
    this.draw();
  }

  disconnectedCallback() { this.sizes.disconnect(); }

  attributeChangedCallback(_, before, value) {
    if (before === value) return;
    try { this.shown = JSON.parse(value); } catch { return; }
    this.shown.rows = this.shown.rows.slice(-ROWS_MOST);
    if (this.svg) this.draw();
  }

  build() {
    charts += 1;
    this.svg = make("svg", { class: "chart", role: "img", tabindex: "0", height: HIGH_PX, "aria-label": this.getAttribute("label") ?? "" }, this);
    const hatch = make("pattern", { id: `hatch-${charts}`, width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, make("defs", {}, this.svg));
    make("rect", { width: 5, height: 5, class: "hatch-ground" }, hatch);
    make("rect", { width: 2, height: 5, class: "hatch-line" }, hatch);
    this.lines = make("path", { class: "chart-grid" }, this.svg);
    this.bars = [0, 1].map((n) => make("path", { class: `bars bars-${n}`, ...(n ? { style: `fill: url(#hatch-${charts})` } : {}) }, this.svg));
    this.zero = make("path", { class: "chart-zero" }, this.svg);
    this.mark = make("rect", { class: "chart-mark", visibility: "hidden" }, this.svg);
    this.texts = make("g", { class: "chart-text" }, this.svg);
    this.readout = element("p", this, "\u00a0", "chart-readout soft");
    this.details = element("details", this);
    element("summary", this.details, "These numbers as a table");
    this.table = element("table", element("div", this.details, undefined, "scroll chart-rows"));
    this.details.addEventListener("toggle", () => this.fill());
    this.svg.addEventListener("pointermove", (event) => this.read(this.stepAt(event.clientX)));
    this.svg.addEventListener("pointerleave", () => this.read(null));
    this.svg.addEventListener("blur", () => this.read(null));
    this.svg.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by || !this.shown) return;
      event.preventDefault();
      this.read(Math.max(0, Math.min(this.shown.rows.length - 1, (this.at ?? this.shown.rows.length) + by)));
    });
  }

  stepAt(clientX) {
    if (!this.shown || !this.stepPx) return null;
    const step = Math.floor((clientX - this.svg.getBoundingClientRect().left - LEFT_PX) / this.stepPx);
    return step >= 0 && step < this.shown.rows.length ? step : null;
  }

  sentence(step) {
    const { from_ms, step_ms, names, rows } = this.shown;
    const time = new Date(from_ms + step * step_ms);
    return `${(step_ms < 60000 ? exact : clock).format(time)}: ${names.map((name, n) => `${rows[step][n].toLocaleString("en")} ${name}`).join(", ")}`;
  }

  read(step) {
    this.at = step;
    this.mark.setAttribute("visibility", step === null ? "hidden" : "visible");
    if (step === null) { say(this.readout, "\u00a0"); return; }
    this.mark.setAttribute("x", LEFT_PX + step * this.stepPx);
    say(this.readout, this.sentence(step));
  }

  draw() {
    const width = this.clientWidth;
    if (!this.shown || !width) return;
    const { from_ms, step_ms, names, rows } = this.shown, mirror = this.getAttribute("mode") === "mirror";
    const two = names.length > 1, step = this.stepPx = (width - LEFT_PX - 2) / Math.max(rows.length, 1);
    this.svg.setAttribute("width", width);
    const peak = Math.max(0, ...rows.map((row) => (two && !mirror ? row[0] + row[1] : Math.max(...row))));
    const top = nice(peak), bottom = HIGH_PX - BOTTOM_PX;
    const zero = mirror ? (TOP_PX + bottom) / 2 : bottom, scale = (zero - TOP_PX) / top;
    const bar = Math.max(0.6, step - (step > 4 ? 1 : 0.2));
    const d = ["", ""];
    rows.forEach((row, n) => {
      const x = (LEFT_PX + n * step).toFixed(1), high = row.map((one) => one * scale);
      if (high[0]) d[0] += `M${x} ${zero}h${bar.toFixed(1)}v${(-high[0]).toFixed(1)}h${(-bar).toFixed(1)}z`;
      if (two && high[1]) {
        const from = mirror ? zero : zero - high[0];
        d[1] += `M${x} ${from.toFixed(1)}h${bar.toFixed(1)}v${(mirror ? high[1] : -high[1]).toFixed(1)}h${(-bar).toFixed(1)}z`;
      }
    });
    this.bars.forEach((path, n) => path.setAttribute("d", d[n]));
    const levels = mirror ? [top, top / 2, -top / 2, -top] : [top, top / 2];
    this.lines.setAttribute("d", levels.map((one) => `M${LEFT_PX} ${(zero - one * scale).toFixed(1)}H${width}`).join(""));
    this.zero.setAttribute("d", `M${LEFT_PX} ${zero}H${width}`);
    this.mark.setAttribute("width", Math.max(1, step).toFixed(1));
    this.mark.setAttribute("y", TOP_PX);
    this.mark.setAttribute("height", bottom - TOP_PX);
    this.axes(levels, zero, scale, from_ms, step_ms, rows.length, step, bottom);
    const sums = names.map((name, n) => `${rows.reduce((sum, row) => sum + row[n], 0).toLocaleString("en")} ${name}`);
    const hours = `${clock.format(new Date(from_ms))} to ${clock.format(new Date(from_ms + rows.length * step_ms))}`;
    const spoken = `${this.getAttribute("label")}: ${sums.join(", ")} from ${hours}. Left and right arrow keys read out one step.`;
    if (this.svg.getAttribute("aria-label") !== spoken) this.svg.setAttribute("aria-label", spoken);
    if (this.at !== null) this.read(Math.min(this.at, rows.length - 1));
    this.fill();
  }

  axes(levels, zero, scale, from, stepMs, count, step, bottom) {
    const texts = [...levels, 0].map((one) => [LEFT_PX - 5, zero - one * scale + 4, "end", Math.abs(one).toLocaleString("en")]);
    const spanMin = count * stepMs / 60000, most = Math.max(2, count * step / TICK_PX);
    const every = (TICKS_MIN.find((one) => spanMin / one <= most) ?? 1440) * 60000;
    const zone = new Date(from).getTimezoneOffset() * 60000;
    for (let at = Math.ceil((from - zone) / every) * every + zone; at < from + count * stepMs; at += every) {
      const x = LEFT_PX + (at - from) / stepMs * step;
      if (x < LEFT_PX + count * step - 18) texts.push([x, bottom + 15, "middle", clock.format(new Date(at))]);
    }
    texts.forEach(([x, y, anchor, text], n) => {
      const node = this.texts.children[n] ?? make("text", {}, this.texts);
      node.setAttribute("x", x.toFixed(1));
      node.setAttribute("y", y.toFixed(1));
      node.setAttribute("text-anchor", anchor);
      say(node, text);
    });
    while (this.texts.childElementCount > texts.length) this.texts.lastElementChild.remove();
  }

  // Only while somebody looks at it.
  fill() {
    if (!this.details.open || !this.shown) return;
    const { from_ms, step_ms, names, rows } = this.shown;
    if (!this.table.tBodies.length) {
      const head = element("tr", this.table.createTHead());
      for (const name of ["from", ...names]) element("th", head, name).scope = "col";
      this.table.createTBody();
    }
    const body = this.table.tBodies[0], shown = rows.map((row, n) => [from_ms + n * step_ms, row]).reverse();
    shown.forEach(([time, row], n) => {
      let line = body.rows[n];
      if (!line) {
        line = body.insertRow();
        element("th", line).scope = "row";
        for (const _ of names) line.insertCell().className = "number";
      }
      say(line.cells[0], (step_ms < 60000 ? exact : clock).format(new Date(time)));
      row.forEach((value, m) => say(line.cells[m + 1], value.toLocaleString("en")));
    });
    while (body.rows.length > shown.length) body.deleteRow(-1);
  }
}

customElements.define("gateline-chart", Chart);
