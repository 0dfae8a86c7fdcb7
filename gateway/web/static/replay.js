// <gateline-replay run= station= lane= from= to= t=> or <gateline-replay device= boot= seq= t=>: a stretch of time at one
// lane, scrubbed, played, stepped edge by edge. What is known comes from /v1/replays, the picture from drawing.js.
//
// Rules: the address always says which stretch and which moment is shown, so it can be sent to somebody as it is. Time
// stands still until somebody plays it. Nothing is drawn that the recording does not hold. All controls are buttons,
// selects and sliders with names; the strips are pictures under their sliders.

import { LaneDrawing } from "./drawing.js";
import { accuses, clock, didWords, kindWords, layoutOf, saysWords, stretchOf, traceOf } from "./replay-data.js";
import { Lines, make, recordOf, say } from "./replay-list.js";
import { beamsHeight, colours, drawBeams, drawOverview } from "./replay-strips.js";

const LENGTHS_MS = [1000, 2000, 5000, 10000, 20000, 60000, 180000, 600000];
const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 5, 10];
const LOAD_MAX_MS = 600000, AROUND_MS = 15000, USUAL_MS = 10000, STEP_MS = 50, LEAP_MS = 1000;
const BEFORE_MOMENT_MS = 2500;
const ADDRESS_MS = 300, RETRY_MS = 1000;

const LOOKS = {
  accusation: { one: "accusation", fits: (one) => accuses(one.what) },
  wrong: { one: "wrong accusation", fits: (one) => one.match === "false" || one.match === "phantom" },
  missed: { one: "missed evasion", fits: (one) => one.match === "missed" || one.match === "unseen" },
};

const within = (low, value, high) => Math.min(high, Math.max(low, value));

async function ask(path, values) {
  let answer, found;
  try {
    answer = await fetch(`${path}?${new URLSearchParams(values)}`);
    found = await answer.json();
  } catch {
    throw new Error("The gateway does not answer.");
  }
  if (!answer.ok) throw new Error(found.detail ?? "The gateway did not answer as it should.");
  return found;
}

class GatelineReplay extends HTMLElement {
  connectedCallback() {
    if (this.built) return;
    this.built = true;
    const given = (name) => this.getAttribute(name);
    const number = (name, otherwise) => { const found = Number.parseInt(given(name) ?? "", 10); return Number.isSafeInteger(found) ? found : otherwise; };
    this.trace = given("device") !== null;
    this.t = number("t", null);
    this.asked = [number("from", null), number("to", null)];
    this.playing = false;
    this.speed = 1;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.build();
    this.keys = (event) => this.key(event);
    document.addEventListener("keydown", this.keys);
    this.themes = new MutationObserver(() => { this.colour = colours(this); this.paint(); });
    this.themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    this.sizes = new ResizeObserver(() => this.paint());
    this.sizes.observe(this);
    this.open();
  }

  disconnectedCallback() {
    this.pause();
    document.removeEventListener("keydown", this.keys);
    this.themes?.disconnect();
    this.sizes?.disconnect();
    this.drawing?.destroy();
    this.drawing = null;
    this.built = false;
    this.replaceChildren();
  }

  // --- what is on the page

  build() {
    this.innerHTML = "";
    this.problem = this.appendChild(make("p", "replay-problem card", "", { role: "alert", hidden: "" }));
    const stage = this.appendChild(make("section", "replay-stage card", "", { "aria-label": "The lane at that moment" }));
    this.classList.toggle("of-trace", this.trace);
    this.host = stage.appendChild(make("div", "replay-host"));
    this.caption = stage.appendChild(make("p", "replay-caption soft"));
    const panel = this.appendChild(make("section", "replay-panel card", "", { "aria-label": "Time" }));
    const bar = panel.appendChild(make("div", "replay-bar"));
    const button = (words, name, act, css = "action quiet") => {
      const made = bar.appendChild(make("button", css, words, { type: "button" }));
      if (name) made.setAttribute("aria-label", name);
      if (name) made.title = name;
      made.addEventListener("click", act);
      return made;
    };
    this.back = button("◂ edge", "Previous edge (,)", () => this.step(-1));
    this.play = button("▶ play", "", () => this.toggle(), "action play");
    this.ahead = button("edge ▸", "Next edge (.)", () => this.step(1));
    this.speeds = this.choice(bar, "Speed", SPEEDS.map((one) => [one, `× ${one}`]), 1, (value) => { this.speed = value; });
    if (!this.trace) this.lengths = this.choice(bar, "Stretch", LENGTHS_MS.map((one) => [one, one < 60000 ? `${one / 1000} s` : `${one / 60000} min`]), USUAL_MS, (value) => this.zoom(value));
    this.copy = button("Copy link", "", () => this.copyLink());
    this.copied = bar.appendChild(make("span", "replay-copied soft", "", { role: "status" }));
    const now = panel.appendChild(make("p", "replay-now"));
    this.time = now.appendChild(make("strong", "replay-time"));
    this.edge = now.appendChild(make("span", "replay-edge"));
    this.heard = panel.appendChild(make("span", "only-heard", "", { "aria-live": "polite" }));

    this.beamsBox = panel.appendChild(make("div", "replay-strip beams"));
    this.beamsCanvas = this.beamsBox.appendChild(make("canvas", "", "", { "aria-hidden": "true" }));
    this.scrub = this.slider(this.beamsBox, this.trace ? "Moment in the trace" : "Moment in this stretch", (value) => this.go(value));
    if (!this.trace) {
      const legend = panel.appendChild(make("p", "replay-legend soft"));
      legend.append(...this.legend());
      panel.appendChild(make("h2", "", "The whole run", { id: "replay-whole" }));
      this.looks = panel.appendChild(make("div", "replay-bar looks"));
      this.lookButtons = {};
      for (const [name, look] of Object.entries(LOOKS)) {
        const made = this.looks.appendChild(make("button", "action quiet", `Next ${look.one}`, { type: "button", disabled: "" }));
        made.addEventListener("click", () => this.look(name));
        this.lookButtons[name] = made;
      }
      this.lookWords = this.looks.appendChild(make("span", "soft replay-look-words", "", { role: "status" }));
      this.wholeBox = panel.appendChild(make("div", "replay-strip whole"));
      this.wholeCanvas = this.wholeBox.appendChild(make("canvas", "", "", { "aria-hidden": "true" }));
      this.whole = this.slider(this.wholeBox, "Moment in the whole run", (value) => this.go(value, true));
    }
    panel.appendChild(make("p", "replay-keys soft", "Keys: space plays and pauses; left and right go 50 ms, with shift 1 s; comma and full stop step edge by edge."));
    const side = this.appendChild(make("section", "replay-side card", "", { "aria-labelledby": "replay-list-title" }));
    side.appendChild(make("h2", "", this.trace ? "The record" : "In this stretch", { id: "replay-list-title" }));
    this.list = side.appendChild(make("div", "replay-list", "", { tabindex: "0", role: "region", "aria-labelledby": "replay-list-title" }));
    this.lines = this.trace ? null : new Lines(this.list, (t) => { this.pause(); this.go(t); });
    this.colour = colours(this);
    this.scaled();
  }

  legend() {
    const key = (css, words) => { const made = make("span", `key ${css}`, words); return made; };
    return [key("broken", "beam broken"), key("honest", "honest rider between the beams"), key("evader", "evader"), key("right", "accused rightly"), key("wrong", "accused wrongly"), key("missed", "evasion missed")];
  }

  choice(parent, name, options, value, act) {
    const label = parent.appendChild(make("label", "replay-choice", name)), select = label.appendChild(make("select", "", "", { "aria-label": name }));
    for (const [one, words] of options) select.appendChild(make("option", "", words, { value: String(one) }));
    select.value = String(value);
    select.addEventListener("change", () => act(Number(select.value)));
    return select;
  }

  slider(parent, name, act) {
    const input = parent.appendChild(make("input", "", "", { type: "range", "aria-label": name, min: "0", max: "1", step: "1" }));
    input.addEventListener("input", () => { this.pause(); act(Number(input.value)); });
    return input;
  }

  // --- what is read

  // Where nothing can be shown there is nothing to press, but to try once more.
  async open() {
    const parts = [...this.querySelectorAll("section")];
    try {
      this.fail(null);
      for (const part of parts) part.hidden = false;
      await this.begin();
    } catch (error) {
      for (const part of parts) part.hidden = true;
      this.fail(error);
      const again = make("button", "action quiet", "Read again", { type: "button" });
      again.addEventListener("click", () => this.open());
      this.problem.append(" ", again);
    }
  }

  async begin() {
    if (this.trace) return this.beginTrace();
    say(this.caption, "Reading the run …");
    this.source = { run: this.getAttribute("run"), station: this.getAttribute("station") ?? "", lane: this.getAttribute("lane") };
    this.overview = await ask("/v1/replays/overview", this.source);
    this.epoch = this.overview.from_epoch;
    this.end = Math.max(1, this.overview.to_ms);
    this.layout = layoutOf(this.overview.layout);
    this.whole.max = String(this.end);
    for (const [name, look] of Object.entries(LOOKS)) {
      const count = this.overview.moments.filter(look.fits).length, button = this.lookButtons[name];
      say(button, `Next ${look.one} (${count.toLocaleString("en")})`);
      button.disabled = !count;
    }
    if (this.overview.left_out) say(this.lookWords, `${this.overview.left_out.toLocaleString("en")} more are not shown.`);
    const first = this.overview.edges.findIndex((count) => count > 0);
    const otherwise = this.overview.moments[0]?.at_ms ?? Math.max(0, first) * this.overview.bin_ms;
    let [from, to] = this.asked;
    if (from === null) from = Math.max(0, (this.t ?? otherwise) - USUAL_MS / 2);
    from = within(0, from, this.end - 1);
    if (to === null || to <= from) to = from + USUAL_MS;
    this.length = within(LENGTHS_MS[0], to - from, LOAD_MAX_MS);
    this.view = [from, from + this.length];
    this.keepLength();
    this.t = within(0, this.t ?? Math.max(from, otherwise - BEFORE_MOMENT_MS), this.end);
    if (!(from <= this.t && this.t <= this.view[1])) this.turn(this.t);
    this.draw();
    await this.read();
    this.paint();
    this.keepAddress(true);
  }

  async beginTrace() {
    say(this.caption, "Reading the trace …");
    const found = await ask("/v1/replays/trace", { device: this.getAttribute("device"), boot: this.getAttribute("boot"), seq: this.getAttribute("seq") });
    this.source = { device: found.device, boot: found.boot, seq: found.seq };
    this.record = found;
    this.epoch = null;
    this.layout = found.layout;
    this.stretch = traceOf(found);
    this.view = [this.stretch.from, this.stretch.to];
    this.end = this.stretch.to;
    this.length = this.view[1] - this.view[0];
    this.t = within(this.view[0], this.t ?? 0, this.view[1]);
    this.draw();
    this.list.classList.add("whole");
    this.list.replaceChildren(recordOf(this.record));
    this.paint();
    this.keepAddress(true);
  }

  // Read what the view needs and is not there, a little around it too. One request at a time.
  async read() {
    if (this.trace || this.covered()) return;
    if (this.reading) { this.again = true; return this.pending; }
    this.reading = true;
    return this.pending = this.readView();
  }

  async readView() {
    const around = Math.min(AROUND_MS, Math.max(0, (LOAD_MAX_MS - this.length) / 2));
    const from = Math.max(0, Math.floor(this.view[0] - around)), to = Math.ceil(Math.min(this.view[1] + around, from + LOAD_MAX_MS));
    const view = this.view.join();
    this.classList.add("reading");
    try {
      const found = stretchOf(await ask("/v1/replays/stretch", { ...this.source, from, to }));
      // Where edges are too many, what is wanted first is around the moment: if it still is in what was asked for. Meanwhile
      // somebody may have gone elsewhere, and then it is read next.
      if (!found.whole && found.to < this.t && this.t < to) {
        this.stretch = stretchOf(await ask("/v1/replays/stretch", { ...this.source, from: Math.max(0, Math.floor(this.t - 1000)), to }));
      } else this.stretch = found;
      this.tried = view;
      this.fail(null);
      this.lines?.show(this.stretch, this.view, this.epoch);
    } catch (error) {
      // Asked again when somebody moves, a moment later at the earliest.
      this.failed = performance.now();
      this.pause();
      this.fail(error);
    } finally {
      this.reading = false;
      this.classList.remove("reading");
    }
    this.paint();
    if (this.again) { this.again = false; await this.read(); }
  }

  covered() {
    const stretch = this.stretch, [from, to] = this.view;
    if (this.failed && performance.now() - this.failed < RETRY_MS) return true;
    if (stretch && stretch.from <= from && stretch.to >= Math.min(to, this.end)) return true;
    return this.tried === this.view.join() && (!stretch || stretch.has(this.t));
  }

  fail(error) {
    this.problem.hidden = !error;
    if (!error) return;
    say(this.problem, error.message);
    say(this.caption, this.stretch?.has(this.t) ? "" : "This moment could not be read. Move in time to ask again.");
    if (this.lines && !this.stretch) this.list.replaceChildren(make("p", "soft", "Nothing could be read here."));
  }

  // --- time

  // To that moment. `turned`: the stretch follows when the moment is outside; else it moves only as far as it must.
  go(t, turned = false) {
    this.t = within(this.trace ? this.view[0] : 0, Math.round(t), this.end);
    if (this.t < this.view[0] || this.t > this.view[1]) this.turn(this.t, turned ? 0.5 : null);
    this.drawing?.clear();
    this.read();
    this.paint();
    this.keepAddress();
  }

  turn(t, place = null) {
    if (this.trace) return;
    const share = place ?? (t < this.view[0] ? 0.9 : 0.1), from = within(0, Math.round(t - share * this.length), Math.max(0, this.end - this.length));
    this.view = [from, from + this.length];
    this.lines?.show(this.stretch, this.view, this.epoch);
  }

  zoom(length) {
    const share = (this.t - this.view[0]) / this.length;
    this.length = length;
    const from = within(0, Math.round(this.t - share * length), Math.max(0, this.end - length));
    this.view = [from, from + length];
    this.keepLength();
    this.lines?.show(this.stretch, this.view, this.epoch);
    this.read();
    this.paint();
    this.keepAddress();
  }

  keepLength() {
    const known = LENGTHS_MS.includes(this.length);
    let own = this.lengths.querySelector("[data-own]");
    if (!known) {
      own ??= this.lengths.appendChild(make("option", "", "", { "data-own": "" }));
      own.value = String(this.length);
      own.textContent = `${Number((this.length / 1000).toFixed(1))} s`;
    } else own?.remove();
    this.lengths.value = String(this.length);
  }

  step(way) {
    this.pause();
    const next = this.stretch && (way > 0 ? this.stretch.edgeAfter(this.t) : this.stretch.edgeBefore(this.t));
    if (!next) {
      if (!this.trace && this.stretch && !(way > 0 ? this.stretch.to >= this.end : this.stretch.from <= 0)) return this.seek(way);
      say(this.heard, way > 0 ? "No edge comes behind this." : "No edge comes before this.");
      return;
    }
    this.go(next[0]);
    say(this.heard, this.edgeWords());
  }

  // Nothing near: the overview says in which piece of the run the next edge is, and that piece is read.
  async seek(way) {
    if (this.seeking) return;
    this.seeking = true;
    const from = this.t;
    try {
      const next = await this.edgeBeyond(way, from);
      if (this.t !== from) return; // somebody went elsewhere meanwhile
      if (!next) { say(this.heard, way > 0 ? "No edge comes behind this." : "No edge comes before this."); return; }
      this.go(next[0]);
      await this.pending;
      if (this.t === next[0]) say(this.heard, this.edgeWords());
    } catch (error) { this.fail(error); } finally { this.seeking = false; }
  }

  async edgeBeyond(way, t) {
    const { bin_ms, edges } = this.overview;
    let known = way > 0 ? this.stretch.to : this.stretch.from;
    for (;;) {
      let bin = Math.floor((way > 0 ? known : known - 1) / bin_ms);
      while (bin >= 0 && bin < edges.length && !edges[bin]) bin += way;
      if (bin < 0 || bin >= edges.length) return null;
      let from = bin * bin_ms, to = from + bin_ms;
      if (way > 0) { from = Math.max(from, known); to = Math.min(to, from + LOAD_MAX_MS); } else { to = Math.min(to, known); from = Math.max(from, to - LOAD_MAX_MS); }
      let piece, found = null, at = from;
      do {
        piece = stretchOf(await ask("/v1/replays/stretch", { ...this.source, from: at, to }));
        found = (way > 0 ? piece.edgeAfter(t) : piece.edgeBefore(t)) ?? found;
        // Where there are too many edges for one answer, it is cut, and goes on where it ends.
        if (piece.whole || (way > 0 && found) || piece.to <= at) break;
        at = piece.to;
      } while (at < to && this.t === t);
      if (found || this.t !== t) return found;
      known = way > 0 ? to : from;
    }
  }

  look(name) {
    this.pause();
    const fitting = this.overview.moments.filter(LOOKS[name].fits);
    if (!fitting.length) return;
    const behind = fitting.find((one) => one.at_ms > this.t), next = behind ?? fitting[0];
    this.turn(next.at_ms, within(0.2, 1 - BEFORE_MOMENT_MS / this.length, 0.6));
    this.go(next.at_ms);
    const index = fitting.indexOf(next) + 1, who = next.outcome ? `${kindWords(next.rider_kind)} ${didWords(next.outcome)}` : "nobody was there";
    const gate = next.what ? `the gate says ${saysWords(next.what)}` : "the gate says nothing";
    say(this.lookWords, `${behind ? "" : "From the beginning again: "}${index} of ${fitting.length}: ${gate}; ${who}.`);
  }

  toggle() { if (this.playing) this.pause(); else this.start(); }

  start() {
    if (!this.stretch) return;
    if (this.t >= this.end) this.go(this.trace ? this.view[0] : 0);
    this.playing = true;
    say(this.play, "❚❚ pause");
    this.play.setAttribute("aria-pressed", "true");
    this.before = performance.now();
    this.shown = 0;
    this.exact = this.t;
    this.frame = requestAnimationFrame((now) => this.tick(now));
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    cancelAnimationFrame(this.frame);
    say(this.play, "▶ play");
    this.play.removeAttribute("aria-pressed");
    this.keepAddress();
  }

  tick(now) {
    if (!this.playing) return;
    const passed = Math.min(250, now - this.before);
    this.before = now;
    // Time waits for what is not read yet.
    if (this.trace || this.stretch.has(this.exact) || !this.reading) this.exact += passed * this.speed;
    if (this.exact >= this.end) { this.exact = this.end; }
    this.t = Math.round(this.exact);
    if (!this.trace) {
      if (this.t > this.view[1]) this.turn(this.t, 0.1);
      // Read ahead of the end of what is there.
      if (!this.reading && this.stretch.whole && this.stretch.to < this.end && this.t + 4000 * Math.max(1, this.speed) > this.stretch.to) this.readAhead();
      else this.read();
    }
    if (!this.still.matches || now - this.shown > 250) { this.shown = now; this.paint(); }
    this.keepAddress();
    if (this.t >= this.end) { this.pause(); this.paint(); return; }
    this.frame = requestAnimationFrame((next) => this.tick(next));
  }

  readAhead() {
    this.reading = true;
    this.pending = this.readOn();
  }

  async readOn() {
    const from = Math.max(0, Math.floor(Math.min(this.view[0], this.t))), to = Math.min(from + LOAD_MAX_MS, Math.ceil(this.t + Math.max(this.length, 12000 * this.speed) + AROUND_MS));
    try {
      this.stretch = stretchOf(await ask("/v1/replays/stretch", { ...this.source, from, to }));
      this.drawing?.clear();
      this.lines?.show(this.stretch, this.view, this.epoch);
      this.fail(null);
    } catch (error) { this.failed = performance.now(); this.pause(); this.fail(error); } finally { this.reading = false; }
  }

  key(event) {
    const target = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || !this.view) return;
    if (target.closest("select, textarea, input:not([type=range]), [contenteditable]")) return;
    const leap = event.shiftKey ? LEAP_MS : STEP_MS;
    const moves = { ArrowLeft: () => this.go(this.t - leap), ArrowRight: () => this.go(this.t + leap), ",": () => this.step(-1), ".": () => this.step(1) };
    if (target.matches("input[type=range]")) {
      moves.ArrowDown = moves.ArrowLeft;
      moves.ArrowUp = moves.ArrowRight;
      moves.PageDown = () => this.go(this.t - this.length, true);
      moves.PageUp = () => this.go(this.t + this.length, true);
      moves.Home = () => this.go(target === this.whole ? 0 : this.view[0]);
      moves.End = () => this.go(target === this.whole ? this.end : this.view[1]);
    }
    if (event.key === " " && !target.closest("button, a, summary")) { event.preventDefault(); this.toggle(); return; }
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    if (event.key !== "," && event.key !== ".") this.pause();
    move();
  }

  // --- the address

  address() {
    const values = { ...this.source, ...(this.trace ? {} : { from: this.view[0], to: this.view[1] }), t: this.t };
    if (values.station === "") delete values.station;
    return `${location.pathname}?${new URLSearchParams(values)}`;
  }

  keepAddress(now = false) {
    if (now) { clearTimeout(this.addressTimer); this.addressTimer = null; history.replaceState(history.state, "", this.address()); return; }
    this.addressTimer ??= setTimeout(() => this.keepAddress(true), ADDRESS_MS);
  }

  async copyLink() {
    this.keepAddress(true);
    const link = location.origin + this.address();
    try {
      await navigator.clipboard.writeText(link);
      say(this.copied, "The link is copied.");
    } catch {
      // Browsers let pages write to the clipboard only where they came over TLS, or from this machine.
      const field = make("textarea", "only-heard", link);
      document.body.append(field);
      field.select();
      const done = document.execCommand("copy");
      field.remove();
      this.copy.focus();
      say(this.copied, done ? "The link is copied." : "Copy the address of this page: it is the link.");
    }
    clearTimeout(this.copiedTimer);
    this.copiedTimer = setTimeout(() => say(this.copied, ""), 6000);
  }

  // --- what is shown

  draw() {
    if (!this.layout) {
      this.host.replaceChildren(make("p", "soft replay-none", this.trace
        ? "Where this gate's beams are is not known now, so the lane is not drawn: a gate's place is told by its simulator while that runs."
        : "This run does not tell where its beams are, so the lane is not drawn."));
      return;
    }
    const name = this.trace ? this.record.device : this.source.lane;
    this.drawing = new LaneDrawing(this.host, this.layout, { views: ["side"], label: `Lane ${name}` });
  }

  timeWords(t = this.t) {
    if (this.trace) return `${t < 0 ? "−" : ""}${Math.abs(t)} ms`;
    return clock(t, this.epoch);
  }

  edgeWords() {
    const now = this.stretch?.edgesOf(this.t) ?? [];
    if (now.length) return now.map(([at, beam, blocked]) => `beam ${beam} ${blocked ? "broken" : "clear"}`).join(", ") + ` at ${this.timeWords(now[0][0])}`;
    const edge = this.stretch?.edgeAt(this.t);
    return edge ? `beam ${edge[1]} ${edge[2] ? "broken" : "clear"} at ${this.timeWords(edge[0])}, ${(this.t - edge[0]).toLocaleString("en")} ms ago` : "no edge yet in what is shown";
  }

  // The strips grow with the page's own letters.
  scaled() {
    const scale = Math.max(0.9, Number.parseFloat(getComputedStyle(this).fontSize) / 16);
    if (this.scale !== scale) { this.scale = scale; this.style.setProperty("--strip", scale.toFixed(3)); }
    return scale;
  }

  paint() {
    if (!this.view || this.painting) return;
    this.painting = requestAnimationFrame(() => { this.painting = null; this.paintNow(); });
  }

  paintNow() {
    if (!this.isConnected || !this.view) return;
    const { stretch, view, t, epoch, colour } = this;
    const truth = !this.trace, names = this.layout ? this.layout.beams.length : 0;
    const beams = Math.max(names, stretch ? stretch.before.length : 0, 1);
    const scale = this.scaled();
    this.beamsBox.style.height = `${beamsHeight(beams, truth) * scale}px`;
    drawBeams(this.beamsCanvas, this.beamsBox.clientWidth, { stretch, view, t, epoch, truth, colour, names, scale });
    const set = (input, min, max, words) => {
      if (input.min !== String(min)) input.min = String(min);
      if (input.max !== String(max)) input.max = String(max);
      input.value = String(t);
      input.setAttribute("aria-valuetext", words);
    };
    const words = this.trace ? `${this.timeWords()} after the first edge` : this.timeWords();
    set(this.scrub, view[0], view[1], `${words}; ${this.edgeWords()}`);
    if (truth && this.overview) {
      drawOverview(this.wholeCanvas, this.wholeBox.clientWidth, { overview: this.overview, view, t, epoch, colour, scale });
      set(this.whole, 0, this.end, words);
    }
    say(this.time, this.trace ? `${this.timeWords()} ${t < 0 ? "before" : "after"} the first edge` : this.timeWords());
    say(this.edge, this.edgeWords());
    if (!stretch || !stretch.has(t)) {
      this.drawing?.clear();
      return;
    }
    this.drawing?.show(stretch.momentAt(t));
    say(this.caption, this.captionWords(stretch));
    this.lines?.mark(t, this.playing);
  }

  captionWords(stretch) {
    if (this.trace) {
      if (!this.record.trace.length) return "This record holds no edges: what the gate called irregular broke no beam that it notes.";
      const notes = stretch.before.includes(null) ? " Of a profile only the highest row is noted, which tells bodies apart." : "";
      return `A trace holds what the beams did and nothing else: no body, no arm, no rider. So none is drawn.${this.layout ? notes : ""}`;
    }
    const has = (name) => this.overview.tables.includes(name);
    if (!has("walks")) return "This run was written without walks: its beams are known, its riders' ways are not, so none is drawn.";
    const gate = stretch.gateAt(this.t), bodies = stretch.bodiesAt(this.t).length;
    const who = bodies === 0 ? "nobody in the lane" : bodies === 1 ? "1 rider in the lane" : `${bodies} riders in the lane`;
    return gate ? `${who} · gate ${gate.state.replaceAll("_", " ")} · arm ${Math.round(gate.arm)} % open` : who;
  }
}

// Another run, station or lane: its address.
document.addEventListener("change", (event) => {
  const select = event.target.closest?.("select[data-go]");
  if (select && select.value.startsWith("/replay?")) location.assign(select.value);
});

customElements.define("gateline-replay", GatelineReplay);
