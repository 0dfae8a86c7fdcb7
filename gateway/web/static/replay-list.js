// Who came to the gate in a stretch and what the gate said of them, as a list to go through; a record's own words.
//
//   const lines = new Lines(host, (t) => go(t));
//   lines.show(stretch, [from, to], epoch);   // rebuilt only when it would say something else
//   lines.mark(t, playing);                   // whoever is there at that moment
//
// Rules: truth and verdict stand side by side, and what the one makes of the other is said in words, not only by colour.

import { clock, didWords, kindWords, matchOf, saysWords, truthWords } from "./replay-data.js";

export function make(tag, css, words, attributes = {}) {
  const node = document.createElement(tag);
  if (css) node.className = css;
  if (words) node.textContent = words;
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  return node;
}

export const say = (node, words) => { if (node.textContent !== words) node.textContent = words; };

const capital = (words) => words[0].toUpperCase() + words.slice(1);

export class Lines {
  constructor(host, go) {
    this.host = host;
    this.go = go;
    this.lines = [];
    this.key = null;
  }

  // A line for each rider who came as far as the reader, and one for each verdict about nobody.
  show(stretch, [from, to], epoch) {
    if (!stretch) return;
    const found = [];
    stretch.crossings.forEach((one, number) => {
      const end = Math.max(one.entered_ms, one.left_ms, one.all_left_ms, one.reader_ms);
      const start = one.entered_ms >= 0 ? one.entered_ms : Math.max(one.tapped_ms, one.reader_ms);
      if (end >= from && start <= to) found.push({ at: start, one, about: stretch.verdicts.filter((verdict) => verdict.rider === number) });
    });
    for (const verdict of stretch.verdicts) {
      if (verdict.rider === null && from <= verdict.at_ms && verdict.at_ms <= to) found.push({ at: verdict.at_ms, one: null, about: [verdict] });
    }
    found.sort((a, b) => a.at - b.at);
    const key = JSON.stringify(found);
    if (key === this.key) return;
    this.key = key;
    this.lines = found.map((line) => this.line(line, epoch));
    if (this.lines.length) {
      const list = make("ol", "replay-lines");
      list.append(...this.lines.map((line) => line.node));
      this.host.replaceChildren(list);
    } else this.host.replaceChildren(make("p", "soft", "Nobody came to the gate in this stretch."));
  }

  line({ at, one, about }, epoch) {
    const node = make("li"), act = node.appendChild(make("button", "replay-line", "", { type: "button" }));
    act.appendChild(make("span", "at", clock(at, epoch)));
    const body = act.appendChild(make("span", "what"));
    body.appendChild(make("b", "", one ? `${capital(kindWords(one.rider_kind))} ${didWords(one.outcome)}.` : "Nobody was there."));
    const sure = (verdict) => (verdict.confidence >= 0 ? `, ${verdict.confidence}\u00a0%` : "");
    const silent = one?.match === "unseen" ? "nothing" : "nothing in what is read here";
    const said = about.map((verdict) => saysWords(verdict.what) + sure(verdict)).join("; ") || silent;
    body.appendChild(make("span", "", `The gate says: ${said}.`));
    const matches = new Set(about.map((verdict) => verdict.match));
    if (one && !about.length && one.match) matches.add(one.match);
    for (const match of matches) {
      const [css, words] = matchOf(match, one?.honest);
      if (words && match !== "agreed") body.appendChild(make("span", `badge ${css}`, words));
    }
    act.addEventListener("click", () => this.go(at));
    return { node, act, from: at, to: one ? Math.max(at, one.left_ms, one.all_left_ms) : at + 500 };
  }

  mark(t, playing) {
    for (const line of this.lines) {
      const here = line.from <= t && t <= line.to;
      if (line.act.classList.contains("here") === here) continue;
      line.act.classList.toggle("here", here);
      if (!here) { line.act.removeAttribute("aria-current"); continue; }
      line.act.setAttribute("aria-current", "true");
      if (playing) this.reveal(line.node);
    }
  }

  // Into sight within the list, never moving the page.
  reveal(node) {
    const low = node.offsetTop - this.host.offsetTop, high = low + node.offsetHeight;
    if (low < this.host.scrollTop) this.host.scrollTop = low;
    else if (high > this.host.scrollTop + this.host.clientHeight) this.host.scrollTop = high - this.host.clientHeight;
  }
}

export function recordOf(record) {
  const list = make("dl", "replay-record");
  const pair = (name, words) => list.append(make("dt", "", name), make("dd", "", words));
  const full = record.whole ? "" : "; it is full, so the passage may have gone on";
  pair("The gate's word", `${saysWords(record.what)}, ${record.confidence}\u00a0% sure`);
  pair("Gate", `${record.device}, ${record.way}, site ${record.site}`);
  pair("When it decided", `${new Date(record.at).toISOString().slice(0, 19).replace("T", " ")} UTC`);
  pair("Trace", `${record.trace.length} edges of ${record.beams} beams over ${record.span_ms.toLocaleString("en")} ms${full}`);
  pair("What really happened", truthWords(record.truth));
  return list;
}
