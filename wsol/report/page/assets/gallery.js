// The gallery: cards that are drawn when they come near the screen, filters, and the slider over thresholds.

const SIZES = { small: [0, 0.1], medium: [0.1, 0.3], large: [0.3, Infinity] };  // largest ground-truth box, share of the image
const PRINTED = 20;  // the first cards stay drawn, so that a printed page has some
const drawing = { outline: false };
const view = { a: 0, b: -1, step: 0, own: true, delta: 0.5, outcome: "", label: "", size: "", network: "", order: "data" };
let cards = [];  // {image, node, button, parts}, in the data set's order; parts while the card is near the screen
let listed = [];  // images that pass the filters, in the order shown

const stepOf = (variant) => view.own ? GALLERY.best[variant] : view.step;
const classOf = (index) => GALLERY.classes[index] ?? `class ${index}`;
const sides = () => view.b < 0 ? [view.a] : [view.a, view.b];

async function startGallery() {
  if (!GALLERY || !GALLERY.ids.length) {
    byId("tools").hidden = true;
    byId("count").textContent = "This run kept no images; gallery=60 on the command line keeps the maps of sixty.";
    return;
  }
  ious = await inflate(GALLERY.iou);
  view.a = Math.max(0, VARIANTS.findIndex((_, v) => GALLERY.ids.some((_, i) => iouAt(i, v, 0) !== null)));
  view.step = GALLERY.best[view.a];
  tools();
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const card = cards[Number(entry.target.dataset.image)];
      if (!entry.isIntersecting) leave(card); else if (!card.parts) build(card);
    }
  }, { rootMargin: "500px 0px" });
  cards = GALLERY.ids.map((id, image) => {
    const button = h("button", { type: "button", class: "card", tabindex: -1, onclick: () => openDetail(image) });
    const node = h("li", { "data-image": image }, button), card = { image, node, button, parts: null };
    near.observe(node);
    name(card);
    return card;
  });
  byId("cards").addEventListener("keydown", walk);
  byId("cards").addEventListener("focusin", (event) => rove(event.target.closest(".card")));
  filter();
}

// ---- cards

function leave(card) {
  if (listed.slice(0, PRINTED).includes(card.image)) return;
  card.parts = null;
  card.button.replaceChildren();
  delete card.button.dataset.drawn;
}

function build(card) {
  const { image } = card, right = GALLERY.labels[image] === GALLERY.predicted[image];
  const captions = sides().map(() => h("span", { class: "value" })), frames = sides().map(() => h("span", { class: "frame" }));
  const facts = h("span", { class: "facts" }, h("b", {}, classOf(GALLERY.labels[image])),
    right ? null : h("i", {}, ` as ${classOf(GALLERY.predicted[image])}`));
  const parts = card.parts = { captions, seen: [facts, ...captions], exhibits: [] };
  card.button.replaceChildren(h("span", { class: "pictures" }, ...frames), h("span", { class: "caption" }, facts, ...captions));
  describe(card);
  mapsOf(image).then((maps) => {
    if (card.parts !== parts) return;  // scrolled away meanwhile, or built again
    parts.exhibits = sides().map((v, n) => {
      const made = exhibit(image, picture(image), maps[v], stepOf(v));
      frames[n].replaceChildren(made.node);
      return made;
    });
    card.button.dataset.drawn = "";
  });
}

function picture(image) {
  return h("img", { src: pictureURL(image), alt: "", decoding: "async", draggable: "false" });
}

function describe(card) {
  const found = sides().map((v) => ({ v, iou: iouAt(card.image, v, stepOf(v)), hit: isHit(card.image, v, stepOf(v), view.delta) }));
  for (const [place, { iou, hit }] of found.entries()) {
    const caption = card.parts.captions[place];
    caption.className = hit ? "value hit" : "value miss";
    caption.textContent = (found.length > 1 ? "AB"[place] + " " : "") + (iou === null ? "–" : `${hit ? "●" : "○"} ${iou.toFixed(2)}`);
  }
  name(card);
}

// What a screen reader hears of a card, drawn or not. What is seen comes first, so that speech control finds it.
function name(card) {
  const seen = card.parts?.seen.map((part) => part.textContent) ?? [classOf(GALLERY.labels[card.image])];
  const words = sides().map((v) => {
    const iou = iouAt(card.image, v, stepOf(v)), hit = isHit(card.image, v, stepOf(v), view.delta);
    return `${nameOf(v)}: ${iou === null ? "not evaluated" : `IoU ${iou.toFixed(2)}, ${hit ? "hit" : "miss"}`}`;
  });
  const predicted = `predicted ${classOf(GALLERY.predicted[card.image])}`;
  card.button.setAttribute("aria-label", `${seen.join(" ")}. ${GALLERY.ids[card.image]}, ${predicted}. ${words.join(". ")}. Open`);
}

const drawSeen = once(() => {
  for (const card of cards) {
    if (!card.parts) { name(card); continue; }
    describe(card);
    for (const [n, v] of sides().entries()) card.parts.exhibits[n]?.show(stepOf(v));
  }
});

function rebuild() {  // other variants
  byId("cards").classList.toggle("two", view.b >= 0);
  for (const card of cards) if (card.parts) build(card);
}

// ---- filters

const OUTCOMES = {
  "": ["all", () => true],
  fails: ["A misses", (i) => isHit(i, view.a, stepOf(view.a), view.delta) === false],
  hits: ["A hits", (i) => isHit(i, view.a, stepOf(view.a), view.delta) === true],
  disagree: ["A and B disagree", (i) => {
    const [one, two] = [view.a, view.b].map((v) => isHit(i, v, stepOf(v), view.delta));
    return one !== null && two !== null && one !== two;
  }],
};
const NETWORK = {
  "": ["right or wrong", () => true],
  right: ["right", (i) => GALLERY.labels[i] === GALLERY.predicted[i]],
  wrong: ["wrong", (i) => GALLERY.labels[i] !== GALLERY.predicted[i]],
};
const ORDERS = {
  data: ["the data’s order", (i) => i],
  low: ["IoU of A, low first", (i) => iouAt(i, view.a, stepOf(view.a)) ?? 2],
  high: ["IoU of A, high first", (i) => -(iouAt(i, view.a, stepOf(view.a)) ?? -1)],
  apart: ["A and B differ most", (i) => view.b < 0 ? i : -Math.abs((iouAt(i, view.a, stepOf(view.a)) ?? 0) - (iouAt(i, view.b, stepOf(view.b)) ?? 0))],
};

function filter() {
  const [low, high] = SIZES[view.size] ?? [0, Infinity];
  const passes = (i) => OUTCOMES[view.outcome][1](i) && NETWORK[view.network][1](i)
    && (view.label === "" || GALLERY.labels[i] === Number(view.label)) && GALLERY.area[i] >= low && GALLERY.area[i] < high;
  const worth = ORDERS[view.order][1];
  const keyed = GALLERY.ids.map((_, i) => i).filter(passes).map((i) => [worth(i), i]);
  listed = keyed.sort((one, two) => one[0] - two[0] || one[1] - two[1]).map(([, i]) => i);
  byId("cards").replaceChildren(...listed.map((i) => cards[i].node));
  const kept = GALLERY.ids.length;
  byId("count").textContent = `${listed.length === kept ? `${kept} images` : `${listed.length} of ${kept} images`}; `
    + `boxes by ${GALLERY.protocol}, a hit is IoU ≥ ${view.delta}.`;
  rove(listed.length ? cards[listed[0]].button : null);
  drawSeen();
  setTimeout(() => { for (const i of listed.slice(0, PRINTED)) if (!cards[i].parts) build(cards[i]); }, 300);
}

function changed(name, value) {
  view[name] = value;
  if (view.b < 0 && (view.outcome === "disagree" || view.order === "apart")) pickB();
  if (view.b < 0 && name === "b") {
    if (view.outcome === "disagree") byId("outcome").value = view.outcome = "";
    if (view.order === "apart") byId("order").value = view.order = "data";
  }
  if (name === "a" && view.own) setStep(GALLERY.best[view.a]);
  if (name === "a" || name === "b") rebuild();
  filter();
}

function pickB() {  // the next variant that is not the same by algebra
  view.b = VARIANTS.findIndex((variant, v) => v !== view.a && variant.same === null && v !== VARIANTS[view.a].same);
  byId("variant-b").value = view.b;
  rebuild();
}

// ---- tools

function setStep(step) {
  view.step = step;
  byId("tau").value = step;
  byId("tau").setAttribute("aria-valuetext", GALLERY.taus[step].toFixed(3));
  byId("tau-value").textContent = view.own && view.b >= 0 && GALLERY.best[view.b] !== step
    ? `${GALLERY.taus[step].toFixed(3)} and ${GALLERY.taus[GALLERY.best[view.b]].toFixed(3)}` : GALLERY.taus[step].toFixed(3);
}

function check(label, key, checked, onchange) {
  return h("label", { class: "check" }, h("input", { type: "checkbox", checked, onchange: (event) => onchange(event.target.checked) }),
    key ? h("i", { class: `key ${key}` }) : null, label);
}

function tools() {
  const variants = VARIANTS.map((_, v) => [v, nameOf(v)]);
  const of = (table) => Object.entries(table).map(([value, [name]]) => [value, name]);
  const steps = GALLERY.taus.length;
  const classes = [...new Set(GALLERY.labels)].sort((one, two) => one - two).map((label) => [label, classOf(label)]);
  const tau = h("input", { type: "range", id: "tau", min: 0, max: steps - 1, value: view.step, "aria-label": "Threshold τ" });
  tau.addEventListener("input", () => { view.own = byId("own").checked = false; setStep(Number(tau.value)); drawSeen(); });
  tau.addEventListener("change", () => filter());
  const own = h("input", { type: "checkbox", id: "own", checked: true, onchange: () => {
    view.own = own.checked;
    setStep(view.own ? GALLERY.best[view.a] : view.step);
    filter();
  } });
  const opacity = h("input", { type: "range", id: "opacity", min: 0, max: 100, value: 75, "aria-label": "Opacity of the heat map, percent" });
  opacity.addEventListener("input", () => document.documentElement.style.setProperty("--heat", opacity.value / 100));
  byId("tools").append(
    h("div", { class: "line" },
      select("A", variants, view.a, (v) => changed("a", Number(v)), { id: "variant-a" }),
      select("B", [[-1, "none"], ...variants], view.b, (v) => changed("b", Number(v)), { id: "variant-b" }),
      h("label", { class: "range" }, h("span", {}, "τ"), tau, h("output", { id: "tau-value", for: "tau" }, GALLERY.taus[view.step].toFixed(3))),
      h("label", { class: "check" }, own, "each at its best τ"),
      h("label", { class: "range" }, h("span", {}, "Heat"), opacity)),
    h("div", { class: "line" },
      select("Show", of(OUTCOMES), "", (v) => changed("outcome", v), { id: "outcome" }),
      select("at δ", [[0.3, "0.3"], [0.5, "0.5"], [0.7, "0.7"]], 0.5, (v) => changed("delta", Number(v)), { id: "delta" }),
      select("Class", [["", "all"], ...classes], "", (v) => changed("label", v), { id: "class" }),
      select("Object", [["", "any size"], ["small", "small, under 10 %"], ["medium", "10 to 30 %"], ["large", "large, over 30 %"]], "", (v) => changed("size", v), { id: "size" }),
      select("Network", of(NETWORK), "", (v) => changed("network", v), { id: "network" }),
      select("Order", of(ORDERS), "data", (v) => changed("order", v), { id: "order" })),
    h("div", { class: "line keys" },
      check("ground truth", "gt", true, (on) => document.documentElement.classList.toggle("no-gt", !on)),
      check("predicted box", "box", true, (on) => document.documentElement.classList.toggle("no-box", !on)),
      check("outline at τ", "", false, (on) => { drawing.outline = on; drawSeen(); }),
      h("span", { class: "scale", "aria-hidden": "true" }, "0 ", h("i", {}), " 1")));
  byId("tools").addEventListener("submit", (event) => event.preventDefault());
}

// ---- keyboard: one card is in the tab order, arrows walk

function rove(button) {
  if (!button) return;
  byId("cards").querySelector('.card[tabindex="0"]')?.setAttribute("tabindex", -1);
  button.setAttribute("tabindex", 0);
}

function walk(event) {
  const here = listed.indexOf(Number(event.target.closest("li")?.dataset.image));
  if (here < 0) return;
  const top = cards[listed[0]].node.offsetTop;
  const across = Math.max(1, listed.findIndex((i) => cards[i].node.offsetTop > top));
  const columns = cards[listed.at(-1)].node.offsetTop === top ? listed.length : across;
  const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -here, End: listed.length - 1 - here };
  const next = here + (moves[event.key] ?? NaN);
  if (!(next >= 0 && next < listed.length)) return;
  event.preventDefault();
  const button = cards[listed[next]].button;
  button.focus({ preventScroll: true });
  button.scrollIntoView({ block: "nearest" });
}
