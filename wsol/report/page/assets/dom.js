// Elements and numbers as text.

function element(space, tag, attributes, children) {
  const node = space ? document.createElementNS(space, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}
const h = (tag, attributes, ...children) => element(null, tag, attributes, children);
const svg = (tag, attributes, ...children) => element("http://www.w3.org/2000/svg", tag, attributes, children);
const byId = (id) => document.getElementById(id);

function select(label, options, chosen, onchange, more = {}) {
  const list = h("select", { ...more, onchange: (event) => onchange(event.target.value) },
    ...options.map(([value, name]) => h("option", { value, selected: String(value) === String(chosen) }, name)));
  return h("label", {}, h("span", {}, label), list);
}

const nameOf = (variant) => VARIANTS[variant].name + (VARIANTS[variant].details ? ` (${VARIANTS[variant].details})` : "");
const percent = (share, digits = 1) => (100 * share).toFixed(digits);

function plain(value) {  // two digits at least, none after the point from ten on
  if (value == null) return "–";
  return value >= 10 || Number.isInteger(value) ? String(Math.round(value)) : Number(value.toPrecision(2)).toString();
}

const DASHES = ["", "6 3", "2 2.5", "9 3 2 3", "12 3", "4 2 1 2 1 2"];
const colorOf = (variant) => VARIANTS[variant].color < 0 ? "var(--control)" : `var(--c${VARIANTS[variant].color % 8})`;
const dashOf = (variant) => DASHES[(VARIANTS[variant].dash + Math.floor(Math.max(0, VARIANTS[variant].color) / 8)) % DASHES.length];

function swatch(variant) {
  return svg("svg", { class: "swatch", viewBox: "0 0 22 8", "aria-hidden": "true" }, svg("line",
    { x1: 0, x2: 22, y1: 4, y2: 4, stroke: colorOf(variant), "stroke-width": 2.5, "stroke-dasharray": dashOf(variant) }));
}

function once(task) {  // at most one run a frame
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; task(); });
  };
}
