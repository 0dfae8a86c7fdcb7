// <gateline-lane device="gate-1" steer>: one gate alive. The picture, its beams in time, the turnstile's diagram, what the
// gate said beside what really happened, and the hands that may meddle (only with the attribute `steer`, which the server
// sets for emulated lanes; the server refuses the rest anyway).
//
// Data come from /v1/live/{device} as server-sent events; what one leaves out has not changed. Drawing is in drawing.js,
// time in moments.js; here they are joined. `data-fps` says how many pictures a second were drawn lately.

import { Account, EVASIONS, SAID, clock, really, rowsOf } from "./account.js";
import { LaneDrawing, USUAL, partsOf } from "./drawing.js";
import { fromSide, svg } from "./figures.js";
import { Moments } from "./moments.js";
import { Timeline, placeTrace } from "./timeline.js";
import { TurnstileDiagram, loadTable } from "./turnstile.js";

const calm = matchMedia("(prefers-reduced-motion: reduce)");
// Two columns; and so much room that a wall shows all at once. In rem, as in lane.css.
const two = matchMedia("(min-width: 62rem)"), wall = matchMedia("(min-width: 100rem)");
const CALM_MS = 1000, RETRY_MS = 1000, EDGES_KEPT = 600;

const PERSON = [["torso", 0, 330, 880, 1390], ["head", 65, 200, 1390, 1700], ["thighs", 0, 330, 470, 880], ["leg", -170, 132, 0, 470], ["leg", 368, 132, 0, 470]];
const FOLLOWER = PERSON.map(([name, offset, ...rest]) => [name, offset + 560, ...rest]);
const RIDERS = [
  ["commuter", "Commuter", "pays and walks through", PERSON],
  ["suitcase", "Suitcase", "pays, pulling a suitcase", [...PERSON, ["suitcase", 560, 240, 0, 550]]],
  ["pram", "Pram", "pays, pushing a pram", [...PERSON, ["pram", -1050, 800, 0, 1000]]],
  ["wheelchair", "Wheelchair", "pays, in a wheelchair", [["torso", 0, 380, 500, 1100], ["head", 95, 200, 1100, 1300], ["seat and legs", -400, 830, 300, 650], ["wheels", -150, 650, 0, 600], ["footrest", -550, 300, 50, 350], ["backrest", 380, 80, 500, 950]]],
  ["tailgater", "Tailgater", "one pays, a friend follows close behind", PERSON],
  ["jumper", "Jumper", "vaults the arm without paying", [["torso", 0, 330, 880, 1390], ["head", 65, 200, 1390, 1700], ["legs", 0, 330, 0, 880]]],
];
const MEDDLING = [
  ["arm", "Jam the arm", "Free the arm", "M4 20V6h9l7 7M4 13h16M13 6l7 14"],
  ["network", "Cut the network", "Restore the network", "M3 9q9 -8 18 0M7 14q5 -4 10 0M12 19h.01M4 21L20 4"],
  ["fire", "Fire alarm", "End the fire alarm", "M12 3q6 5 6 11a6 6 0 0 1 -12 0q0 -3 2 -5q1 3 3 3q0 -5 1 -9z"],
];
const LINKS = { unknown: "not heard yet", online: "connected", lost: "connection lost" };
const INVITE = "Press a button, or click on a beam in the picture to break it.";
const PRODUCTS = { single: "single ride", day: "day pass" };

function node(name, css, parent, text) {
  const made = document.createElement(name);
  if (css) made.className = css;
  if (text !== undefined) made.textContent = text;
  parent?.appendChild(made);
  return made;
}
const say = (one, text) => { if (one.textContent !== text) one.textContent = text; };

function section(parent, css, title) {
  const made = node("section", `card ${css}`, parent);
  const head = node("h2", "", made, title);
  head.id = `${css}-head`;
  made.setAttribute("aria-labelledby", head.id);
  return made;
}

class GatelineLane extends HTMLElement {
  connectedCallback() {
    if (this.built) { this.start(); return; }
    this.built = true;
    this.device = this.getAttribute("device");
    this.steer = this.hasAttribute("steer");
    this.emulated = this.hasAttribute("emulated");
    this.nobody = this.getAttribute("nobody"); // what is said where no simulator speaks
    this.state = {};
    this.edges = [];
    // Whom one has sent from here: what, by the order's id.
    this.sent = new Map();
    this.moments = new Moments({ onEdge: (edge) => this.timeline?.edge(edge), onFrame: (scene) => this.playScene(scene) });
    this.build();
    this.start();
    showTab();
  }

  disconnectedCallback() {
    this.source?.close();
    this.source = null;
    cancelAnimationFrame(this.request);
    clearTimeout(this.retry);
  }

  start() {
    this.before = performance.now();
    this.drawn = [];
    this.connect();
    const frame = (now) => {
      this.request = requestAnimationFrame(frame);
      const elapsed = now - this.before;
      if (calm.matches && elapsed < CALM_MS) return;
      this.before = now;
      this.step(Math.max(0, Math.min(elapsed, 1000)), now);
    };
    this.request = requestAnimationFrame(frame);
  }

  // --- what stands on the page

  build() {
    const left = node("div", "lane-left", this), right = node("div", "lane-right", this);
    this.buildStage(left);
    if (this.emulated) {
      this.buildTime(left);
      const machine = section(right, "lane-machine", "What the gate makes of it");
      this.machineHost = node("div", "scroll", machine);
      // It may be wider than the page; then it scrolls by itself, and the keyboard reaches it.
      for (const [name, value] of [["tabindex", "0"], ["role", "region"], ["aria-label", "The turnstile's states"]]) this.machineHost.setAttribute(name, value);
      this.lastStep = node("p", "soft small last-step", machine, "Nothing has happened since you opened the page.");
    }
    const account = section(right, "lane-account", this.emulated ? "How often is this gate wrong?" : "What the gate told");
    if (this.emulated) this.account = new Account(account, { device: this.device, emulated: true });
    else this.buildCounts(account);
    const left_ = section(right, "lane-records", "What left the gate");
    node("p", "soft small", left_, "Riders who agreed get a record; the others are counted, ten or more together.");
    if (this.emulated) this.buildCounts(left_);
    this.waits = node("p", "soft small", left_, "");
    this.records = node("ol", "records", left_);
    this.records.setAttribute("aria-label", "The newest records, newest first");
    const place = () => {
      const machine = this.querySelector(".lane-machine");
      if (!machine) return;
      if (two.matches && !wall.matches) left.append(machine); else account.after(machine);
    };
    place();
    for (const one of [two, wall]) one.addEventListener("change", place);
  }

  buildRiders(stage) {
    const riders = node("div", "riders", stage);
    riders.setAttribute("role", "group");
    riders.setAttribute("aria-label", "Send a rider");
    for (const [what, label, about, parts] of RIDERS) {
      const button = node("button", "rider-button", riders);
      button.type = "button";
      button.title = `${label}: ${about}`;
      button.dataset.send = what;
      portrait(button, what, parts);
      node("span", "", button, label);
      button.addEventListener("click", () => this.command("send", what, true, `${label} is on the way.`));
    }
  }

  buildFaults(stage) {
    const faults = node("div", "faults", stage);
    faults.setAttribute("role", "group");
    faults.setAttribute("aria-label", "Meddle with the gate");
    const beam = node("span", "beam-choice", faults);
    const id = `beam-${this.device}`;
    const label = node("label", "only-heard", beam, "Which beam");
    label.htmlFor = id;
    this.beamSelect = node("select", "", beam);
    this.beamSelect.id = id;
    this.beamButton = this.makeToggle(beam, "Break", "M3 12h7M14 12h7M10 7l4 10");
    this.beamButton.dataset.fault = "beam";
    this.beamButton.addEventListener("click", () => this.toggleBeam(Number(this.beamSelect.value)));
    this.beamSelect.addEventListener("change", () => this.showHands());
    this.toggles = MEDDLING.map(([what, on, off, sign]) => {
      const button = this.makeToggle(faults, on, sign);
      button.dataset.fault = what;
      button.addEventListener("click", () => {
        const now = this.isOn(what);
        this.command(what, "", !now, `${now ? off : on}: done${what === "fire" ? ", at every gate of the site" : ""}.`);
      });
      return { what, on, off, button };
    });
  }

  makeToggle(parent, label, sign) {
    const button = node("button", "action quiet fault", parent);
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    const icon = svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, button);
    svg("path", { d: sign }, icon);
    button.words = node("span", "", button, label);
    return button;
  }

  // Right below the buttons, so that what came of whom one sent is in sight on a phone too.
  buildTold(stage) {
    this.told = node("p", "told-line soft", stage, INVITE);
    this.told.setAttribute("role", "status");
  }

  buildStage(parent) {
    const stage = section(parent, "lane-stage", this.steer ? "Send somebody through" : "The gate now");
    if (this.steer) { this.buildRiders(stage); this.buildTold(stage); }
    const line = node("div", "state-line", stage);
    this.pill = node("span", "badge state-pill", line, "–");
    this.words = node("span", "state-words", line, this.emulated ? "Waiting for the first picture …" : "");
    this.linkWords = node("span", "link-words soft small", line, "connecting …");
    if (this.emulated) {
      this.stageHost = node("div", "stage-host", stage);
      if (this.steer) this.buildFaults(stage);
      const key = node("p", "key soft small", stage);
      for (const [css, text] of [["rider", "has a medium"], ["guest", "has none"], ["lit", "stands in a broken beam: what the gate sees"]]) {
        node("span", `swatch ${css}`, key);
        node("span", "", key, text);
      }
    }
  }

  buildTime(parent) {
    const time = section(parent, "lane-time", "What its beams told it, the last eight seconds");
    this.timeHost = node("div", "time-host", time);
    this.toldWords = node("p", "soft small told-words", time, "A bar is a beam broken. The firmware sees nothing else of a rider.");
  }

  buildCounts(parent) {
    const list = node("dl", "counts", parent);
    this.counts = {};
    for (const [name, label] of [["entries", "entries"], ["exits", "exits"], ["recorded", "recorded, with consent"], ["tallied", "only counted"]]) {
      const pair = node("div", "figure", list);
      node("dt", "", pair, label);
      this.counts[name] = node("dd", "", pair, "0");
    }
  }

  // --- data

  connect() {
    this.source?.close();
    const source = (this.source = new EventSource(`/v1/live/${encodeURIComponent(this.device)}`));
    source.onmessage = (event) => this.take(JSON.parse(event.data));
    source.onerror = () => {
      this.dataset.link = "away";
      say(this.linkWords, "reconnecting …");
      // A browser gives up for good on some errors; a wall screen must not.
      if (source.readyState === EventSource.CLOSED) {
        source.close();
        clearTimeout(this.retry);
        this.retry = setTimeout(() => this.connect(), RETRY_MS);
      }
    };
  }

  take(change) {
    const now = performance.now();
    Object.assign(this.state, change);
    this.dataset.link = "ok";
    if (change.layout) this.takeLayout(change.layout);
    if (this.emulated && !this.drawing && this.state.scene) this.takeLayout(this.state.layout || { ...USUAL, beams: this.state.scene.beams.map((_, index) => [index * 150, 900]) });
    if (change.edges) this.keepEdges(change.edges);
    if (change.scene) {
      this.keepEdges((change.scene.edges || []).map(([n, ago, beam, blocked]) => ({ n, at: change.scene.at - ago, beam, blocked })));
      this.moments.takeScene(change.scene, now);
      this.showHands();
    }
    if (change.edges) this.moments.takeEdges(change.edges);
    if (change.link !== undefined || change.scene !== undefined) this.showLink();
    if (change.shown !== undefined) this.showSpeaker();
    if (change.counts) for (const name in this.counts) say(this.counts[name], change.counts[name].toLocaleString("en"));
    if (change.records) this.showRecords();
    if (change.waiting_records !== undefined || change.scene || change.link) {
      const count = this.state.waiting_records;
      say(this.waits, this.isOn("network") ? "The network is cut: what the gate has to tell waits in it, and comes when the network is back."
        : count ? `${count} ${count === 1 ? "record waits" : "records wait"} in the gate, as it last told.` : "Nothing waits in the gate, as far as it told.");
    }
    if (change.records || change.truth || change.verdict || change.scene) this.accountDue = true;
  }

  keepEdges(edges) {
    this.edgeKeys ??= new Set();
    for (const edge of edges) {
      const key = `${edge.at}/${edge.n}`;
      if (this.edgeKeys.has(key)) continue;
      this.edgeKeys.add(key);
      this.edges.push(edge);
    }
    if (this.edges.length > EDGES_KEPT) {
      this.edges.sort((a, b) => a.at - b.at);
      for (const gone of this.edges.splice(0, this.edges.length - EDGES_KEPT)) this.edgeKeys.delete(`${gone.at}/${gone.n}`);
    }
  }

  takeLayout(layout) {
    if (!this.emulated) return;
    const same = JSON.stringify(layout);
    if (same === this.layoutText) return;
    this.layoutText = same;
    this.layout = layout;
    // Traces have the beams that tell bodies apart: of a profile the highest row.
    const high = Math.max(...layout.beams.map(([, z]) => z));
    this.traced = layout.beams.map((_, index) => index).filter((index) => layout.detector !== "profile" || layout.beams[index][1] === high);
    this.drawing?.destroy();
    this.timeline?.destroy();
    this.drawing = new LaneDrawing(this.stageHost, layout, { label: `Lane ${this.device}`, maxHeight: () => Math.max(400, innerHeight - (wall.matches ? 590 : two.matches ? 400 : 445)), onBeam: this.steer ? (beam) => this.toggleBeam(beam) : null });
    this.timeline = new Timeline(this.timeHost, layout.beams);
    if (this.moments.play !== null) for (const edge of this.edges) if (edge.at <= this.moments.play) this.timeline.edge(edge);
    if (this.beamSelect) {
      const chosen = this.beamSelect.value;
      this.beamSelect.replaceChildren();
      const several = new Set(layout.beams.map(([, z]) => z)).size > 1;
      layout.beams.forEach(([, z], index) => {
        const option = node("option", "", this.beamSelect, several ? `beam ${index}, ${z / 1000} m` : `beam ${index}`);
        option.value = String(index);
      });
      if (chosen) this.beamSelect.value = chosen;
    }
    if (!this.machine) {
      this.machine = "coming";
      loadTable().then((table) => { this.table = table; this.machine = new TurnstileDiagram(this.machineHost, table); this.machineState = null; });
    }
  }

  // --- hands

  isOn(what) {
    return (this.state.scene?.hands || []).includes(what);
  }

  showHands() {
    if (!this.toggles) return;
    for (const { what, on, off, button } of this.toggles) {
      const now = this.isOn(what);
      // The name stays: pressed or not says whether it is on, and nothing beside it moves.
      button.setAttribute("aria-pressed", String(now));
      button.title = now ? off : on;
    }
    const beam = this.isOn(`beam ${this.beamSelect.value}`);
    this.beamButton.setAttribute("aria-pressed", String(beam));
    this.beamButton.title = beam ? "Free it" : "Break it";
  }

  // Without a simulator nobody takes orders: what gives them stays where it is, and can't be pressed until one speaks.
  showSpeaker() {
    if (!this.emulated) return;
    const shown = this.state.shown;
    this.toggleAttribute("unshown", !shown);
    for (const one of this.querySelectorAll(".rider-button, .faults button, .faults select")) one.disabled = !shown;
    if (shown) {
      if (this.told?.textContent === this.nobody) say(this.told, INVITE);
      return;
    }
    if (this.told) say(this.told, this.nobody);
    // What is drawn is the last that was seen, and may be long over.
    delete this.dataset.state;
    this.machineState = null;
    say(this.pill, "not seen");
    this.pill.className = "badge state-pill calm";
    say(this.words, this.state.scene ? "This is how it was last seen." : "No simulator shows it.");
  }

  toggleBeam(beam) {
    if (!this.state.shown) return;
    const on = !this.isOn(`beam ${beam}`);
    this.beamSelect.value = String(beam);
    this.command("beam", String(beam), on, on ? `Something stands in beam ${beam} now.` : `Beam ${beam} is free again.`);
  }

  async command(act, what, on, done) {
    say(this.told, "…");
    try {
      const answer = await fetch(`/v1/devices/${encodeURIComponent(this.device)}/world`, {
        method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ do: act, what, on }),
      });
      if (answer.ok) {
        if (act === "send") this.sent.set((await answer.json()).id, what);
        say(this.told, done);
        return;
      }
      const problem = await answer.json().catch(() => ({}));
      say(this.told, problem.detail || `That did not work (${answer.status}).`);
    } catch {
      say(this.told, "The gateway cannot be reached; try again when it is back.");
    }
  }

  // --- what is shown

  showLink() {
    const { link } = this.state;
    say(this.linkWords, this.isOn("network") ? "network cut" : LINKS[link] || link || "");
    if (!this.emulated) { say(this.pill, LINKS[link] || "–"); this.pill.className = `badge state-pill ${link === "online" ? "good" : link === "lost" ? "bad" : "calm"}`; say(this.words, link === "online" ? "A physical gate: nobody is drawn here, and nothing can be steered." : ""); }
  }

  playScene(scene) {
    if (!this.state.shown) return;
    this.timeline?.state(scene.state, scene.at);
    if (this.dataset.state !== scene.state) {
      this.dataset.state = scene.state;
      say(this.pill, scene.state.replaceAll("_", " "));
      this.pill.className = `badge state-pill ${{ ready: "ready", go: "good", stop: "bad", wait: "calm" }[scene.lamp] || "calm"}`;
    }
    if (typeof this.machine === "object" && this.machine && this.machineState !== scene.state) {
      this.machineState = scene.state;
      const steps = this.machine.show(scene.state);
      if (steps.length) say(this.lastStep, `${clock(scene.at)}: ${steps.map(({ from, event, to }) => `${from} → ${to} (${event.replaceAll("_", " ")})`).join(", ")}`);
    }
    if (this.table) say(this.words, this.table.states[scene.state]?.says || "The gate has no power.");
  }

  step(elapsed, now) {
    if (!this.emulated || !this.drawing) return;
    const moment = this.moments.step(elapsed, calm.matches);
    if (moment) {
      this.drawing.show(moment);
      this.timeline.show(this.moments.play);
    }
    if (this.accountDue && now - (this.accounted ?? 0) > 200) this.showAccount(now);
    this.drawn.push(now);
    while (this.drawn.length > 1 && this.drawn[0] < now - 1000) this.drawn.shift();
    const rate = this.drawn.length - 1;
    if (now - (this.rated ?? 0) > 500) { this.rated = now; this.dataset.fps = String(rate); }
  }

  showAccount(now) {
    this.accountDue = false;
    this.accounted = now;
    const rows = rowsOf(this.state, this.isOn("network") || this.state.link === "lost");
    for (const row of rows) row.own = Boolean(row.truth?.hand) && this.sent.has(row.truth.hand);
    this.account.showScore(this.state.verdict);
    this.account.show(rows, this.layout?.beams);
    for (const row of [...rows].reverse()) {
      if (row.truth) this.timeline.flag(`t${row.key}`, row.truth.at, 1, row.verdict === "passed" ? "passed" : really(row.truth.what), EVASIONS.has(row.truth.what) ? "evasion" : "honest");
      if (row.said) this.timeline.flag(`s${row.said.at}/${row.said.what}`, row.said.at, 0, `${SAID[row.said.what] || row.said.what}, ${row.said.confidence} %`, "accusation");
    }
    this.tellOwn(rows);
    const told = rows.find((row) => row.said?.trace?.length);
    if (told) {
      const key = `${told.said.at}/${told.said.what}`, start = placeTrace(told.said.trace, this.edges, told.said.at);
      this.timeline.told(key, start, told.said.trace, SAID[told.said.what], told.said.at);
      const beams = [...new Set(told.said.trace.map(([, beam]) => beam))].sort((a, b) => a - b);
      const whole = this.traced.filter((index) => !beams.includes(index));
      say(this.toldWords, `At ${clock(told.said.at)} beams ${beams.join(", ")} told of ${SAID[told.said.what] || told.said.what}${whole.length ? `; ${whole.join(", ")} stayed whole` : ""}.`);
    }
  }

  // What came of whom one has sent, also for who hears the page.
  tellOwn(rows) {
    if (!this.told) return;
    // Of a tailgater and the friend who pays, the tailgater.
    const own = rows.find((row) => row.own && !(this.sent.get(row.truth.hand) === "tailgater" && row.truth.what.startsWith("passed")));
    const key = own && `${own.key}/${own.result}/${own.note}/${own.said?.seq ?? ""}`;
    if (!own || key === this.ownTold) return;
    this.ownTold = key;
    const sent = this.sent.get(own.truth.hand);
    if (own.note) { say(this.told, `Your ${sent} ${really(own.truth.what)}. ${own.note}`); return; }
    const beams = [...new Set((own.said?.trace || []).map(([, beam]) => beam))].sort((a, b) => a - b);
    const said = own.said ? `the gate reported ${SAID[own.said.what] || own.said.what}, ${own.said.confidence} % sure${beams.length ? `, by beams ${beams.join(", ")}` : ""}` : "the gate reported nothing irregular";
    say(this.told, `Your ${sent} ${really(own.truth.what)}: ${said}. ${own.result === "honest" ? "" : `${own.verdict[0].toUpperCase()}${own.verdict.slice(1)}.`}`.trim());
  }

  showRecords() {
    const shown = [...this.state.records].reverse().slice(0, 6);
    while (this.records.children.length > shown.length) this.records.lastChild.remove();
    shown.forEach((record, index) => {
      const row = this.records.children[index] || node("li", "", this.records);
      if (!row.firstChild) { node("span", "kind", row); node("span", "", row); node("span", "soft small when", row); }
      const [kind, words, at] = described(record);
      say(row.children[0], kind);
      say(row.children[1], words);
      say(row.children[2], at ? clock(at) : "");
    });
  }
}

function described(record) {
  if (record.kind === "passage") return ["record", `${record.way}, ${PRODUCTS[record.product] || record.product}, ${(record.transit_ms / 1000).toFixed(2)} s between the beams`, record.at];
  if (record.kind === "irregular") return ["irregular", `${SAID[record.what] || record.what} (${record.way}), ${record.confidence} % sure`, record.at];
  if (record.kind === "tally") return ["counted", `${record.entries} entries, ${record.exits} exits together`, record.to];
  return [record.kind === "device" ? "notice" : record.kind, String(record.what || "").replaceAll("_", " "), record.at];
}

// The strip of lanes may be longer than a phone is wide: it is scrolled, never the page, so that this lane's tab is in sight.
function showTab() {
  const tab = document.querySelector(".lane-nav a[aria-current]"), strip = tab?.closest("ul");
  if (!strip) return;
  const at = tab.getBoundingClientRect(), whole = strip.getBoundingClientRect();
  strip.scrollLeft += at.left + at.width / 2 - whole.left - whole.width / 2;
}

// A button's picture: the rider as the lane draws them.
function portrait(button, what, parts) {
  const root = svg("svg", { viewBox: "-1000 -1900 1500 1940", class: "portrait lane-drawing", "aria-hidden": "true" }, button);
  const wide = { pram: "-620 -1900 1900 1940", suitcase: "-1000 -1900 1500 1940", wheelchair: "-650 -1900 1500 1940", tailgater: "-1250 -1900 1800 1940", jumper: "-900 -2350 1500 2390", commuter: "-800 -1900 1250 1940" };
  root.setAttribute("viewBox", wide[what]);
  if (what === "tailgater") fromSide(partsOf(FOLLOWER), 1, root);
  if (what === "jumper") svg("rect", { class: "glass", x: -210, y: -820, width: 60, height: 820, rx: 30 }, root);
  const body = fromSide(partsOf(parts), what === "jumper" ? 1 : 0, root);
  if (what === "jumper") body.node.setAttribute("transform", "translate(60 -480)");
}

customElements.define("gateline-lane", GatelineLane);
