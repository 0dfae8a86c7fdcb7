// What the gate said beside what really happened: pairs, newest first, and the score.
//
// Rules: `rowsOf` is pure. A rider's own choice (consent) is told of nobody: who passed, passed; which record that became,
// if any, is not said here. Rows are kept and moved, never made anew.

export const SAID = { jump: "a jump", tailgate: "tailgating", reverse: "a wrong way walk", forced: "forced entry", crawl: "a crawl", passback: "passback" };
const REALLY = {
  passed: "paid and passed", passed_free: "passed while free for all", turned_back: "turned back", refused: "was refused and left",
  gave_up: "gave up", tailgated: "followed without paying", jumped: "jumped over", climbed: "climbed over", crawled: "crawled under",
  forced: "pushed through", backcocked: "slipped through the tripod", reversed: "came through the wrong way", passed_back: "used somebody's medium again",
  unobserved: "passed while the gate was off",
};
const WITH = {
  adult: "", plain: "", backpack: "with a backpack", suitcase: "with a suitcase", pram: "with a pram", wheelchair: "in a wheelchair", bicycle: "with a bicycle",
  child: "a child", child_by_hand: "with a child", umbrella: "with an umbrella", dog: "with a dog",
};
export const EVASIONS = new Set(["tailgated", "jumped", "climbed", "crawled", "forced", "backcocked", "reversed", "passed_back"]);
const VERDICTS = {
  caught: ["caught", "good"], misnamed: ["caught", "good"], missed: ["missed", "bad"], accused_wrongly: ["accused wrongly", "bad"],
  open: ["not told yet", "note"], by_hand: ["meddled with", "calm"],
};
export const WORTH_MAX = 10, OTHERS_MAX = 8;

export const really = (what) => REALLY[what] || what.replaceAll("_", " ");
export const figure = (kind) => WITH[kind] ?? kind.replaceAll("_", " ");

// The rows of a lane's state, newest first: {key, at, verdict, tone, said, truth, note}.
// `silent`: the gate can't tell anybody anything at the moment.
export function rowsOf({ truth = [], records = [], verdict = null }, silent) {
  const rows = [], used = new Set();
  const whole = (record) => records.find((one) => one.kind === "irregular" && one.boot === record.boot && one.seq === record.seq) || record;
  for (const { truth: what, record, result } of verdict?.matches || []) {
    if (what) used.add(`${what.n}/${what.at}`);
    const waits = result === "open" || (result === "missed" && silent);
    const [word, tone] = waits ? VERDICTS.open : VERDICTS[result] || [String(result).replaceAll("_", " "), "calm"];
    const note = waits ? (silent ? "The network is cut: what the gate has to say waits in it." : "The gate has said nothing yet.") : "";
    rows.push({ key: what ? `t${what.n}/${what.at}` : `r${record.boot}/${record.seq}`, at: what?.at ?? record.at, verdict: word, tone, result, said: record ? whole(record) : null, truth: what, note });
  }
  for (const one of truth) {
    if (used.has(`${one.n}/${one.at}`) || EVASIONS.has(one.what)) continue;
    const [word, tone] = one.what === "passed" || one.what === "passed_free" ? ["passed", "calm"] : ["no passage", "calm"];
    rows.push({ key: `t${one.n}/${one.at}`, at: one.at, verdict: word, tone, result: "honest", said: null, truth: one, note: "" });
  }
  rows.sort((a, b) => b.at - a.at || (a.key < b.key ? 1 : -1));
  // Honest passages are many: what the gate was right or wrong about, and whoever was sent from a page, must outlast them.
  for (const row of rows) row.worth = row.result !== "honest" || Boolean(row.truth?.hand);
  return [...rows.filter((row) => row.worth).slice(0, WORTH_MAX), ...rows.filter((row) => !row.worth).slice(0, OTHERS_MAX)];
}

function node(name, css, parent, text) {
  const made = document.createElement(name);
  if (css) made.className = css;
  if (text !== undefined) made.textContent = text;
  parent?.appendChild(made);
  return made;
}
const say = (one, text) => { if (one.textContent !== text) one.textContent = text; };

// A record's trace, small: a row a beam, a bar while it was broken.
function spark(trace, beams) {
  const order = beams.map((_, index) => index).sort((a, b) => beams[b][1] - beams[a][1] || beams[a][0] - beams[b][0]);
  const row = beams.length > 8 ? 3 : 6, width = 132, height = beams.length * row, until = Math.max(1, ...trace.map(([ms]) => ms));
  const root = document.createElementNS("http://www.w3.org/2000/svg", "svg"), told = new Set(trace.map(([, beam]) => beam));
  root.setAttribute("class", "spark");
  root.setAttribute("viewBox", `0 0 ${width} ${height}`);
  root.setAttribute("width", width);
  root.setAttribute("height", height);
  root.setAttribute("role", "img");
  root.setAttribute("aria-label", `These beams told: ${[...told].sort((a, b) => a - b).join(", ")}, within ${(until / 1000).toFixed(1)} seconds`);
  const bar = (css, beam, from, to) => {
    const one = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    one.setAttribute("class", css);
    one.setAttribute("x", ((from / until) * width).toFixed(1));
    one.setAttribute("y", order.indexOf(beam) * row + 0.5);
    one.setAttribute("width", Math.max(1.5, ((to - from) / until) * width).toFixed(1));
    one.setAttribute("height", row - 1);
    root.appendChild(one);
  };
  for (const beam of order) bar("row", beam, 0, until);
  const open = new Map();
  for (const [ms, beam, blocked] of trace) {
    if (blocked && !open.has(beam)) open.set(beam, ms);
    if (!blocked && open.has(beam)) { bar("bar", beam, open.get(beam), ms); open.delete(beam); }
  }
  for (const [beam, from] of open) bar("bar", beam, from, until);
  return root;
}

export class Account {
  // `emulated`: what really happened is known. `pick(record)` is called when somebody wants to see a record's beams.
  constructor(host, { device, emulated }) {
    this.device = device;
    this.emulated = emulated;
    this.rows = new Map();
    this.score = node("div", "score", host);
    this.meters = emulated ? ["evaded", "honest"].map((name) => this.makeMeter(name)) : [];
    const link = node("p", "soft small", host);
    if (emulated) {
      link.append("Only a simulator can know what really happened. Both are paired by time, within 2 s. ");
      const to = node("a", "", link, "How often such gates are wrong, measured");
      to.href = "/results";
    }
    const head = node("div", "pairs-head", host);
    head.setAttribute("aria-hidden", "true");
    for (const words of ["", "The gate said", "What really happened"]) node("span", "", head, words);
    // Who evaded, who was accused, who was sent; below, everybody else.
    this.lists = ["worth", "others"].map((name) => {
      if (name === "others") node("h3", "pairs-name", host, "Everybody else");
      const list = node("ol", `pairs ${name}`, host);
      list.tabIndex = 0;
      list.setAttribute("aria-label", name === "worth" ? "Evasions, accusations and whom you sent, newest first" : "Everybody else, newest first");
      return list;
    });
    this.empty = node("li", "soft pairs-empty", this.lists[0], "Nobody has evaded, and nobody was accused, since this gateway began to look. Send a jumper.");
  }

  makeMeter(name) {
    const root = node("div", `meter ${name}`, this.score);
    const words = node("p", "", root);
    const bar = node("div", "meter-bar", root);
    bar.setAttribute("aria-hidden", "true");
    return { words, parts: ["right", "wrong"].map((css) => node("span", css, bar)) };
  }

  showScore(verdict) {
    if (!this.emulated || !verdict) return;
    const { passages, evasions, missed, misnamed, open, accused_wrongly: accused } = verdict, caught = verdict.caught + misnamed;
    const [evaded, honest] = this.meters;
    say(evaded.words, evasions ? `Of ${evasions} who evaded, ${caught} ${caught === 1 ? "was" : "were"} caught${misnamed ? ` (${misnamed} under a wrong name)` : ""} and ${missed} missed${open > 0 ? `; ${open} not told yet` : ""}.` : "Nobody has evaded yet. Send a jumper!");
    const clean = Math.max(0, passages);
    say(honest.words, clean ? `Of ${clean.toLocaleString("en")} honest riders, ${accused} ${accused === 1 ? "was" : "were"} accused.` : accused ? `${accused} honest ${accused === 1 ? "rider was" : "riders were"} accused.` : "No honest rider has passed yet.");
    fill(evaded.parts, caught, missed);
    fill(honest.parts, clean - accused, accused);
  }

  // `beams` of the layout, for the traces.
  show(rows, beams) {
    this.empty.hidden = rows.some((row) => row.worth);
    const wanted = new Set(rows.map((row) => row.key));
    for (const [key, row] of this.rows) if (!wanted.has(key)) { row.root.remove(); this.rows.delete(key); }
    const places = [1, 0]; // the first child of the first list says that it is empty
    for (const row of rows) {
      let shown = this.rows.get(row.key);
      if (!shown) {
        shown = this.makeRow();
        this.rows.set(row.key, shown);
      }
      const which = row.worth ? 0 : 1, list = this.lists[which], index = places[which]++;
      if (list.children[index] !== shown.root) list.insertBefore(shown.root, list.children[index] || null);
      this.fillRow(shown, row, beams);
    }
  }

  makeRow() {
    const root = node("li", "pair", null);
    const first = node("div", "outcome", root);
    const verdict = node("span", "badge", first), when = node("span", "soft small", first);
    const said = node("div", "said", root), happened = node("div", "happened", root);
    return { root, verdict, when, said, happened, saidKey: null, happenedKey: null };
  }

  fillRow(shown, row, beams) {
    say(shown.verdict, row.verdict);
    say(shown.when, clock(row.at));
    shown.verdict.className = `badge ${row.tone}`;
    shown.root.dataset.verdict = row.verdict;
    const saidKey = row.said ? `${row.said.at}/${row.said.what}/${row.said.trace ? 1 : 0}/${row.said.seq ?? ""}/${row.result}` : `-${row.note}${row.verdict}`;
    if (shown.saidKey !== saidKey) {
      shown.saidKey = saidKey;
      shown.said.replaceChildren();
      if (row.said) this.fillSaid(shown.said, row.said, beams, row.result);
      else node("p", "nothing soft", shown.said, row.note || "nothing irregular");
    }
    const happenedKey = row.truth ? `${row.truth.what}/${row.truth.figure}/${row.own ? 1 : 0}` : row.result;
    if (shown.happenedKey === happenedKey) return;
    shown.happenedKey = happenedKey;
    shown.happened.replaceChildren();
    const words = node("p", "", shown.happened);
    if (!row.truth) { words.textContent = row.result === "by_hand" ? "a hand was in the lane" : "nobody evaded"; return; }
    node("strong", "", words, really(row.truth.what));
    const more = figure(row.truth.figure);
    if (more) words.append(` ${more}`);
    if (row.truth.hand) node("span", "yours small", shown.happened, row.own ? "sent by you" : "sent by hand");
  }

  fillSaid(host, record, beams, result) {
    const words = node("p", "", host);
    node("strong", "", words, SAID[record.what] || record.what);
    if (result === "misnamed") node("span", "soft small", words, ", a wrong name");
    const sure = node("div", "confidence", host);
    const bar = node("span", "confidence-bar", sure);
    bar.setAttribute("aria-hidden", "true");
    node("span", "", bar).style.width = `${record.confidence}%`;
    node("span", "small", sure, `${record.confidence} % sure`);
    if (record.trace?.length && beams) {
      const row = node("div", "told", host);
      row.append(spark(record.trace, beams));
    }
    if (record.boot !== undefined && record.seq !== undefined) {
      const link = node("a", "small", host, "replay this");
      link.href = `/replay?device=${encodeURIComponent(this.device)}&boot=${record.boot}&seq=${record.seq}`;
    }
  }
}

export function clock(at) {
  return new Date(at).toLocaleTimeString("en-GB");
}

function fill([right, wrong], good, bad) {
  const all = good + bad;
  right.style.width = all ? `${(100 * good) / all}%` : "0";
  wrong.style.width = all ? `${(100 * bad) / all}%` : "0";
}
