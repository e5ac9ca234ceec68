// The board: which numbers are shown, in which order. Rows are [variant, quantity, value, low, high, n, failed,
// fingerprint, floor variant, floor, ceiling variant, ceiling, share, tau, source of tau] of a file, by position.

const DATA = JSON.parse(byId("data").textContent);
const MOST = 200; // rows before "show all"
const NUMBERS = DATA.files.flatMap((file, place) => file.rows.map((row) => number(file, place, row)));
const FIELDS = [ // head, sort key, whether larger is first, whether it is text
  ["Variant", (one) => one.variant.id, false, true],
  ["Number", (one) => one.quantity.label, false, true],
  ["Value", (one) => one.value, true],
  ["Of reachable", (one) => one.share?.[0], true],
  ["Floor", (one) => one.floor?.value, true],
  ["Ceiling", (one) => one.ceiling?.value, true],
  ["n", (one) => one.n, true],
  ["ms", (one) => one.variant.ms, false],
  ["Protocol", (one) => one.quantity.measure, false, true],
  ["Rows", (one) => one.fingerprint, false, true],
  ["Recompute", (one) => one.file.name, false, true],
];
const state = { run: "0", number: "", kind: "", text: "", alone: false, sort: 2, down: true, all: false };
let started = false;

function number(file, place, row) {
  const [variant, quantity, value, low, high, n, failed, fingerprint, floor, floorValue, ceiling, ceilingValue, share, tau, from] = row;
  const beside = (at, worth) => at === null ? null : { variant: file.variants[at], value: worth };
  return {
    file, place, value, low, high, n, failed, fingerprint, share, tau, from,
    variant: file.variants[variant], quantity: file.quantities[quantity],
    floor: beside(floor, floorValue), ceiling: beside(ceiling, ceilingValue),
  };
}

const quote = (word) => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`; // as Python's shlex.join

function command(one) {
  const { file, quantity } = one;
  const words = quantity.metric ? file.commands.metric : file.commands.protocol;
  const measure = quantity.measure === "classification" ? file.protocols[0] ?? "" : quantity.measure;
  const filled = words.map((word) => word.replaceAll("{variant}", one.variant.id).replaceAll("{measure}", measure));
  if (filled.length && ["split-half", "per-image"].includes(one.from)) filled.push(`tau_from=${one.from}`);
  return filled.map(quote).join(" ");
}

const digits = (quantity) => ["percent", "count"].includes(quantity.unit) ? 1 : 3;
const shown = (value, quantity) => value == null ? "–" : value.toFixed(digits(quantity));
const nameOfNumber = (quantity) => `${quantity.measure}/${quantity.key}`;

function keeps(one) {
  if (state.run !== "" && String(one.place) !== state.run) return false;
  if (state.number === "main" ? !one.quantity.main : state.number && nameOfNumber(one.quantity) !== state.number) return false;
  if (state.kind && one.variant.role !== state.kind) return false;
  if (state.alone && one.file.needs.length) return false;
  const text = `${one.variant.id} ${one.variant.short} ${one.variant.name} ${one.quantity.label} ${nameOfNumber(one.quantity)}`.toLowerCase();
  return state.text.toLowerCase().split(/\s+/).every((part) => text.includes(part));
}

function ordered(numbers) {
  const key = FIELDS[state.sort][1];
  return numbers.map((one, place) => ({ one, place, worth: key(one) })).sort((a, b) => {
    const [none, other] = [a.worth == null, b.worth == null];
    if (none || other) return none - other || a.place - b.place;
    const order = typeof a.worth === "string" ? a.worth.localeCompare(b.worth, "en", { numeric: true }) : a.worth - b.worth;
    return (state.down ? -order : order) || a.place - b.place;
  }).map(({ one }) => one);
}

function line(one, span) {
  const { quantity, variant, file } = one;
  const cell = (label, attributes, ...content) => h("td", { "data-label": label, ...attributes }, ...content);
  const share = (value) => ((value - span[0]) / (span[1] - span[0])).toFixed(3);
  const whiskers = one.low == null || !span ? null : `--l:${share(one.low)};--v:${share(one.value)};--h:${share(one.high)}`;
  const beside = (bound) => bound ? [shown(bound.value, quantity), h("small", { class: "interval" }, bound.variant.short)] : ["–"];
  const interval = one.low == null ? null : h("small", { class: "interval" }, `[${shown(one.low, quantity)}, ${shown(one.high, quantity)}]`);
  const reachable = one.share?.[1] == null ? null : h("small", { class: "interval" }, `[${one.share[1].toFixed(1)}, ${one.share[2].toFixed(1)}]`);
  const value = one.value == null ? `${one.failed} of ${one.n} images failed` : shown(one.value, quantity);
  const arrow = quantity.better === false ? " ↓" : "";
  const role = variant.role === "method" ? null : h("small", { class: "kind" }, ` ${variant.role}`);
  const twin = variant.same ? h("small", { class: "same" }, `= ${variant.same}`) : null;
  const tau = one.tau.length && one.from && variant.role !== "ceiling" ? h("small", { class: "interval" }, `tau ${one.tau.map((t) => Number(t.toPrecision(3))).join(", ")}, ${DATA.tau_from[one.from]}`) : null;
  return h("tr", { class: variant.role === "method" ? null : "control" },
    h("th", { scope: "row", title: `${variant.name}, ${variant.id}` }, variant.short, role, twin),
    cell("Number", { class: "text" }, quantity.label + arrow),
    cell("Value", { style: whiskers }, value, interval),
    cell("Of reachable", {}, one.share ? `${one.share[0].toFixed(1)} %` : "–", reachable),
    cell("Floor", { class: "bound" }, ...beside(one.floor)),
    cell("Ceiling", { class: "bound" }, ...beside(one.ceiling)),
    cell("n", {}, String(one.n)),
    cell("ms", {}, plain(variant.ms)),
    cell("Protocol", { class: "text long" }, quantity.measure, tau),
    cell("Rows", { class: "text long" }, h("code", {}, one.fingerprint)),
    cell("Recompute", { class: "recompute" }, recompute(one)));
}

function recompute(one) {
  const text = command(one), { file } = one;
  const needs = file.needs.length ? h("p", {}, `Needs ${file.needs.join(", ")}.`) : null;
  if (!text) return h("span", {}, `Not from here: ${file.needs.join(", ")}.`);
  const copy = h("button", { type: "button", onclick: () => copied(text, copy) }, "Copy");
  return h("details", {}, h("summary", {}, file.needs.length ? "Command, and what it needs" : "Command"),
    h("code", {}, text), needs, copy);
}

async function copied(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch { // a page opened as a file may not
    getSelection().selectAllChildren(button.parentElement.querySelector("code"));
    button.textContent = "Selected; copy it by the keyboard";
  }
}

function draw() {
  const found = ordered(NUMBERS.filter(keeps)), rows = state.all ? found : found.slice(0, MOST);
  const spans = new Map();
  for (const one of rows) {
    const of = nameOfNumber(one.quantity), ends = [one.low, one.high].filter((end) => end != null);
    const [low, high] = spans.get(of) ?? [Infinity, -Infinity];
    spans.set(of, [Math.min(low, ...ends), Math.max(high, ...ends)]);
  }
  const span = (one) => { const [low, high] = spans.get(nameOfNumber(one.quantity)); return high > low ? [low, high] : [low - 1, high + 1]; };
  byId("numbers").tBodies[0].replaceChildren(...rows.map((one) => line(one, span(one))));
  const [head] = FIELDS[state.sort];
  byId("count").textContent = `${found.length} of ${NUMBERS.length} numbers, sorted by ${head.toLowerCase()}, ${state.down ? "descending" : "ascending"}.`;
  byId("more").hidden = rows.length === found.length;
  byId("more").firstChild.textContent = `Show all ${found.length}; these are the first ${rows.length}`;
  for (const [place, cell] of [...byId("numbers").tHead.rows[0].cells].entries()) {
    if (place === state.sort) cell.setAttribute("aria-sort", state.down ? "descending" : "ascending");
    else cell.removeAttribute("aria-sort");
  }
  byId("sort").value = String(state.sort);
  remember();
}

function choose(changes) {
  Object.assign(state, "sort" in changes ? {} : { all: false }, changes);
  if ("run" in changes) fillNumbers();
  if ("run" in changes || "number" in changes) best();
  draw();
}

function best() { // the better end first
  const one = NUMBERS.find(keeps);
  Object.assign(state, { sort: 2, down: one?.quantity.better !== false });
}

function sortBy(place) {
  const again = place === state.sort;
  choose({ sort: place, down: again ? !state.down : FIELDS[place][2] });
}

function fillNumbers() {
  const list = byId("number"), groups = new Map();
  const files = state.run === "" ? DATA.files : [DATA.files[Number(state.run)]];
  for (const quantity of files.flatMap((file) => file.quantities)) {
    if (!groups.has(quantity.measure)) groups.set(quantity.measure, new Map());
    groups.get(quantity.measure).set(quantity.key, quantity.label);
  }
  const known = [...groups].flatMap(([measure, of]) => [...of.keys()].map((key) => `${measure}/${key}`));
  const first = files[0]?.quantities.find((quantity) => quantity.headline);
  if (!["main", ...known].includes(state.number) && !(state.number === "" && started)) state.number = first ? nameOfNumber(first) : "main";
  list.replaceChildren(h("option", { value: "main" }, "Main numbers"), h("option", { value: "" }, "All numbers"),
    ...[...groups].map(([measure, of]) => h("optgroup", { label: measure },
      ...[...of].map(([key, label]) => h("option", { value: `${measure}/${key}` }, `${label} (${key})`)))));
  list.value = state.number;
}

function remember() { // so that a view can be linked to
  const { all, ...kept } = state;
  history.replaceState(null, "", `#${new URLSearchParams(kept)}`);
}

function recall() {
  const kept = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  if (!("run" in kept) || (kept.run !== "" && !DATA.files[Number(kept.run)])) return false;
  const sort = Number(kept.sort);
  Object.assign(state, kept, { alone: kept.alone === "true", down: kept.down === "true", sort: FIELDS[sort] ? sort : 2 });
  return true;
}

function start() {
  const labeled = (text, control) => h("label", {}, h("span", {}, text), control);
  const list = (id, options, change) => h("select", { id, onchange: (event) => change(event.target.value) },
    ...options.map(([value, name]) => h("option", { value }, name)));
  const runs = [...DATA.files.map((file, place) => [String(place), file.title]), ["", "All runs"]];
  const kinds = [["", "All"], ["method", "Methods"], ["control", "Controls"], ["ceiling", "Ceilings"]];
  byId("filters").append(
    labeled("Run", list("run", runs, (run) => choose({ run }))),
    labeled("Number", list("number", [], (value) => choose({ number: value }))),
    labeled("Rows", list("kind", kinds, (kind) => choose({ kind }))),
    labeled("Search", h("input", { type: "search", id: "text", placeholder: "layercam stage5", oninput: (event) => choose({ text: event.target.value }) })),
    labeled("Sort by", list("sort", FIELDS.map(([head], place) => [String(place), head]), (place) => sortBy(Number(place)))),
    labeled("Needs no download", h("input", { type: "checkbox", id: "alone", onchange: (event) => choose({ alone: event.target.checked }) })));
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("numbers").tHead.rows[0].append(...FIELDS.map(([head, , , text], place) =>
    h("th", { scope: "col", class: text ? "variant" : null }, h("button", { type: "button", onclick: () => sortBy(place) }, head))));
  byId("more").firstChild.addEventListener("click", () => { state.all = true; draw(); });
  const known = recall();
  started = known;
  fillNumbers();
  started = true;
  if (!known) best();
  for (const id of ["run", "kind", "text"]) byId(id).value = state[id];
  byId("alone").checked = state.alone;
  for (const id of ["filters", "numbers"]) byId(id).hidden = false;
  draw();
  let closed = [];
  addEventListener("beforeprint", () => { // paper has nothing to click on
    closed = [...document.querySelectorAll("#numbers details:not([open])")];
    for (const one of closed) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of closed) one.open = false; });
}

start();
document.documentElement.dataset.ready = "";
