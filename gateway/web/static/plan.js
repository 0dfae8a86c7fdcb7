// <gateline-plan>: each site's gateline from above, live.
//
// Reads GET /v1/live (server-sent events) and keeps on trying when the gateway is away. Attributes, both JSON by device:
// `layouts` ({site, class, built: {way, beams: [x_mm], arm: x_mm, make} or null}; a device that is not in it is no lane)
// and `hands` (why a device needs a hand). Lanes stand as soon as these are there, so that nothing jumps when the stream
// comes. Each lane is a link to its page.
// It fires `gateline-link` with {state, text} whenever what it says of its connection changes. One lane's drawing is in
// plan_lane.js.
import { Lane, VIEW, element, say } from "./plan_lane.js";

const CALM_MS = 1000, SPEAK_MS = 1000, RETRY_MS = 1000;
const WIDEST_PX = 150, NARROWEST_PX = 38, STRIP_BELOW_PX = 560, FEW = 2, HIGHEST = 0.62;
const NATURAL = new Intl.Collator("en", { numeric: true });
const WORDS = {
  ok: "live", database_busy: "live; the database is busy, records wait", disk_full: "live; the disk is full, records wait",
  broker_lost: "live; the broker is away, devices keep their records", failed: "ingest has failed",
};

class Site {
  constructor(parent, name, siteClass) {
    this.root = element("section", parent, undefined, "gateline");
    this.root.dataset.site = name;
    this.physical = siteClass === "physical";
    const head = element("div", this.root, undefined, "gateline-head");
    const title = element("h2", head, `Site ${name}`);
    title.id = `site-${name}`;
    this.root.setAttribute("aria-labelledby", title.id);
    element("span", head, siteClass, `badge ${siteClass === "physical" ? "note" : "calm"}`);
    this.said = element("span", head, "", "soft gateline-said");
    this.hall = element("div", this.root, undefined, "hall");
    this.rows = [];
    this.lanes = [];
    this.shape = "";
  }

  add(lane, calm) {
    const item = element("li");
    const made = new Lane(item, lane, calm);
    made.item = item;
    this.lanes.push(made);
    this.shape = "";
    return made;
  }

  // Lanes side by side as a real gateline; lying, one below the other, where that is too narrow or there are too few.
  arrange() {
    const width = this.hall.clientWidth, count = this.lanes.length;
    if (!width || !count) return;
    const lying = width < STRIP_BELOW_PX || count <= FEW;
    const perRow = lying ? count : Math.min(count, Math.floor((width - 48) / NARROWEST_PX));
    const rows = Math.ceil(count / perRow), even = Math.ceil(count / rows);
    // Widths of the rows, in usual lanes.
    const widths = Array.from({ length: rows }, (_, n) => this.lanes.slice(n * even, (n + 1) * even).reduce((sum, lane) => sum + lane.half / VIEW.half, 0));
    // A physical site has nothing that moves.
    const high = this.physical ? HIGHEST / 2 : HIGHEST;
    const tall = Math.max(240, Math.min(innerHeight * high, 900) / Math.min(rows, 2));
    const px = lying ? 0 : Math.floor(Math.min(WIDEST_PX, (width - 48) / Math.max(...widths), tall * 2 * VIEW.half / (VIEW.right - VIEW.left)));
    const shape = `${lying} ${rows} ${even} ${count} ${px} ${widths.join()}`;
    if (shape === this.shape) return;
    this.shape = shape;
    this.hall.classList.toggle("lying", lying);
    const em = parseFloat(getComputedStyle(this.hall).fontSize);
    this.hall.dataset.size = lying ? "" : px < 3.5 * em ? "small" : px < 5.8 * em ? "middle" : "large";
    this.hall.style.setProperty("--lane", `${px}px`);
    const rowsNow = Array.from({ length: rows }, (_, n) => this.row(n));
    this.lanes.forEach((lane, n) => { lane.turn(lying); lane.item.style.flexBasis = `calc(var(--lane) * ${lane.half / VIEW.half})`; rowsNow[Math.floor(n / even)].list.append(lane.item); });
    for (const old of this.rows.splice(rows)) old.root.remove();
  }

  row(n) {
    if (this.rows[n]) return this.rows[n];
    const root = element("div", this.hall, undefined, "gate-row");
    element("p", root, "Paid side: trains", "side paid");
    const list = element("ul", root, undefined, "lanes");
    list.setAttribute("aria-labelledby", `site-${this.root.dataset.site}`);
    element("p", root, "Unpaid side: street", "side unpaid");
    return (this.rows[n] = { root, list });
  }

  // A lane turns out to lead the other way.
  changed() { this.shape = ""; this.arrange(); this.count(); }

  count() {
    const ways = this.lanes.filter((lane) => lane.way === "entry").length, all = this.lanes.length;
    this.root.style.setProperty("--count", Math.max(all, 3));
    say(this.said, `${all} ${all === 1 ? "lane" : "lanes"}: ${ways} in, ${all - ways} out`);
  }
}

class Plan extends HTMLElement {
  static observedAttributes = ["layouts", "hands"];

  constructor() {
    super();
    this.sites = new Map();
    this.lanes = new Map();
    this.built = null;
    this.wanting = {};
    this.motion = matchMedia("(prefers-reduced-motion: reduce)");
  }

  connectedCallback() {
    if (!this.status) {
      this.status = element("p", this, "connecting …", "plan-link");
      this.status.setAttribute("role", "status");
      this.body = element("div", this, undefined, "plan-sites");
      const key = element("p", this, undefined, "plan-key soft");
      for (const [kind, text] of [["key-rider", "a rider with a medium of their own"], ["key-guest", "somebody without"], ["key-beam", "a beam that somebody breaks"]]) {
        const one = element("span", key);
        element("span", one, undefined, `key ${kind}`);
        one.append(text);
      }
      element("span", key, "You asked for less motion: the pictures change once a second.", "calm-note");
    }
    this.sizes = new ResizeObserver(() => this.arrange());
    this.sizes.observe(this);
    this.seen = new IntersectionObserver((entries) => {
      for (const entry of entries) entry.target.lane.visible = entry.isIntersecting;
    }, { rootMargin: "100px" });
    for (const lane of this.lanes.values()) this.seen.observe(lane.root);
    this.prepare();
    this.connect();
    this.before = this.spoke = performance.now();
    this.drawing = requestAnimationFrame((now) => this.draw(now));
  }

  disconnectedCallback() {
    this.source?.close();
    clearTimeout(this.retry);
    cancelAnimationFrame(this.drawing);
    this.sizes.disconnect();
    this.seen.disconnect();
  }

  attributeChangedCallback(name, _, value) {
    let given = {};
    try { given = JSON.parse(value || "{}"); } catch { return; }
    // Not properties of the attributes' names: whoever finds those sets them instead of the attributes.
    this[name === "layouts" ? "built" : "wanting"] = given;
    for (const lane of this.lanes.values()) this.dress(lane);
    if (this.body) this.prepare();
  }

  // The lanes that there are, before anything is known of what happens at them.
  prepare() {
    const lanes = Object.entries(this.built ?? {}).map(([device, one]) => ({ device, site: one.site, class: one.class, way: one.built?.way }));
    lanes.sort((a, b) => NATURAL.compare(a.site, b.site) || NATURAL.compare(a.device, b.device));
    if (lanes.filter((one) => this.lane(one)).length) this.settle();
  }

  // Makes the lane if it is new; whether it was.
  lane(one) {
    const key = `${one.site}/${one.device}`;
    if (this.lanes.has(key)) return false;
    if (!this.sites.has(one.site)) this.sites.set(one.site, new Site(this.body, one.site, one.class ?? "emulated"));
    const site = this.sites.get(one.site), lane = site.add(one, () => this.motion.matches);
    lane.site = site;
    lane.root.lane = lane;
    this.lanes.set(key, lane);
    this.dress(lane);
    this.seen.observe(lane.root);
    return true;
  }

  settle() {
    for (const site of this.sites.values()) site.count();
    this.classList.add("shown");
    this.arrange();
  }

  dress(lane) {
    const layout = this.built?.[lane.name]?.built;
    if (layout) {
      const wider = lane.layout(layout), turned = lane.head(layout.way);
      if (wider || turned) lane.site.changed();
    }
    lane.needs(this.wanting[lane.name]);
  }

  connect() {
    const source = this.source = new EventSource("/v1/live");
    source.onmessage = (event) => this.show(JSON.parse(event.data));
    source.onerror = () => {
      this.tell("away", "reconnecting …");
      this.body.classList.add("stale");
      // A browser gives up for good on some errors; a wall screen must not.
      if (source.readyState === EventSource.CLOSED) { source.close(); this.retry = setTimeout(() => this.connect(), RETRY_MS); }
    };
  }

  tell(state, text) {
    if (this.status.textContent === text) return;
    this.status.dataset.state = state;
    say(this.status, text);
    this.dispatchEvent(new CustomEvent("gateline-link", { detail: { state, text }, bubbles: true }));
  }

  show(state) {
    const now = performance.now();
    let added = false;
    for (const one of state.lanes) {
      if (this.built && !(one.device in this.built)) continue;
      added = this.lane(one) || added;
      const lane = this.lanes.get(`${one.site}/${one.device}`);
      lane.update(one, now);
      if (!lane.spoken) lane.speak(this.wanting[lane.name]);
    }
    if (added) this.settle();
    this.body.classList.remove("stale");
    this.tell(state.ingest === "ok" ? "ok" : "away", WORDS[state.ingest] ?? state.ingest);
  }

  arrange() { for (const site of this.sites.values()) site.arrange(); }

  draw(now) {
    const elapsed = now - this.before;
    // Whoever asked for less motion sees a still picture, a new one each second.
    if (!this.motion.matches || elapsed >= CALM_MS) {
      this.before = now;
      for (const lane of this.lanes.values()) lane.step(Math.max(0, Math.min(elapsed, 250)));
    }
    if (now - this.spoke >= SPEAK_MS) {
      this.spoke = now;
      for (const lane of this.lanes.values()) lane.speak(this.wanting[lane.name]);
    }
    this.drawing = requestAnimationFrame((next) => this.draw(next));
  }
}

customElements.define("gateline-plan", Plan);
