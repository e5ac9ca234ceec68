// One image, large: A (and B), every variant in small, and how the IoU moves with the threshold.

let opened = -1;

function openDetail(image) {
  const dialog = byId("detail");
  opened = image;
  fillDetail().then(() => byId("detail-head").focus());
  if (!dialog.open) dialog.showModal();
  dialog.onkeydown = (event) => {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!move || event.target.matches("input, select")) return;
    event.preventDefault();
    turn(move, "#detail-head");
  };
  dialog.onclick = (event) => { if (event.target === dialog) dialog.close(); };
  dialog.onclose = () => { const card = cards[opened]; rove(card.button); card.button.focus(); };
}

// To the next or previous image of the list; the focus goes where a reader can go on from, or hears the new name.
function turn(move, focus) {
  const next = listed[listed.indexOf(opened) + move];
  if (next === undefined) return;
  opened = next;
  fillDetail().then(() => (byId("detail").querySelector(`${focus}:enabled`) ?? byId("detail-head")).focus());
}

async function fillDetail() {
  const image = opened, dialog = byId("detail"), size = GALLERY.sizes[image];
  const maps = await mapsOf(image);
  if (image !== opened) return;
  const right = GALLERY.labels[image] === GALLERY.predicted[image];
  const facts = [
    ["class", classOf(GALLERY.labels[image])],
    ["predicted", `${classOf(GALLERY.predicted[image])}${right ? "" : " (wrong)"}`],
    ["probability of the class", GALLERY.probability[image].toFixed(3)],
    ["largest object", `${percent(GALLERY.area[image], 0)} % of the image`],
    ["objects", String(GALLERY.gt[image].length / 4)],
    ["size", `${size[0]} × ${size[1]}`],
  ];
  const large = sides().map((v) => {
    const made = exhibit(image, picture(image), maps[v], stepOf(v)), value = h("span", { class: "value" });
    return { v, made, value, node: h("figure", { role: "img", "aria-label": `${nameOf(v)} on ${GALLERY.ids[image]}` },
      h("span", { class: "frame" }, made.node), h("figcaption", {}, nameOf(v), " ", value)) };
  });
  const small = VARIANTS.map((_, v) => {
    if (!maps[v]) return null;
    const value = h("span", {}), best = GALLERY.best[v];
    showIoU(value, image, v, best);
    return h("button", { type: "button", "aria-pressed": String(sides().includes(v)), onclick: () => choose(v) },
      h("span", { class: "frame" }, exhibit(image, picture(image), maps[v], best).node),
      h("span", {}, VARIANTS[v].name), h("small", {}, VARIANTS[v].details), value);
  });
  const choose = (v) => {
    byId("variant-a").value = v;
    changed("a", v);
    fillDetail().then(() => dialog.querySelectorAll(".every button")[place(v)]?.focus());
  };
  const place = (v) => VARIANTS.slice(0, v).filter((_, n) => maps[n]).length;
  const curve = h("div", { class: "body" });
  const slider = h("input", { type: "range", min: 0, max: GALLERY.taus.length - 1, value: view.step, "aria-label": "Threshold τ" });
  const here = listed.indexOf(image);
  dialog.replaceChildren(
    h("div", { class: "bar" },
      h("h3", { id: "detail-head", tabindex: -1 }, GALLERY.ids[image]),
      h("span", { class: "soft" }, `${here + 1} of ${listed.length}`),
      h("button", { type: "button", disabled: here <= 0, onclick: () => turn(-1, ".previous"), class: "previous", "aria-label": "Previous image" }, "←"),
      h("button", { type: "button", disabled: here >= listed.length - 1, onclick: () => turn(1, ".next"), class: "next", "aria-label": "Next image" }, "→"),
      h("button", { type: "button", class: "close", onclick: () => dialog.close() }, "Close")),
    h("div", { class: "large" }, ...large.map(({ node }) => node),
      h("div", { class: "side" },
        h("dl", {}, ...facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
        h("label", { class: "range" }, h("span", {}, "τ"), slider, h("output", {})), curve)),
    h("h4", {}, "Every variant, each at its best τ"),
    h("div", { class: "every" }, ...small));
  if (!dialog.open) await new Promise(requestAnimationFrame);

  const show = () => {
    for (const { v, made, value } of large) {
      made.show(stepOf(v));
      showIoU(value, image, v, stepOf(v));
    }
    dialog.querySelector("output").textContent = GALLERY.taus[view.step].toFixed(3);
    curve.replaceChildren(iouCurve(image, curve.clientWidth));
  };
  slider.addEventListener("input", () => { view.own = byId("own").checked = false; setStep(Number(slider.value)); show(); });
  slider.addEventListener("change", () => filterKeepingImage(image));
  show();
}

function showIoU(node, image, v, step) {
  const iou = iouAt(image, v, step), hit = isHit(image, v, step, view.delta);
  node.className = hit ? "value hit" : "value miss";
  node.textContent = iou === null ? "–" : `${hit ? "●" : "○"} ${iou.toFixed(2)}`;
}

function filterKeepingImage(image) {  // the open image stays in the list, so that arrows go on from it
  filter();
  if (!listed.includes(image)) listed = [image, ...listed];
}

function iouCurve(image, width) {
  const plot = frame({ width: Math.max(180, width), height: 150, x: { domain: [0, 1], label: "τ", ticks: [0, 0.5, 1] },
    y: { domain: [0, 1], ticks: [0, 0.5, 1], format: (v) => v.toFixed(1) }, margin: { left: 34, right: 8 },
    label: `IoU over the threshold: ${sides().map((v) => `${nameOf(v)} ${iouAt(image, v, stepOf(v))?.toFixed(2)} at ${GALLERY.taus[stepOf(v)]}`).join("; ")}` });
  plot.inside.append(svg("line", { class: "delta", x1: plot.margin.left, x2: plot.right, y1: plot.y(view.delta), y2: plot.y(view.delta) }));
  for (const v of sides()) {
    const xs = GALLERY.taus.flatMap((tau, n) => [tau, GALLERY.taus[n + 1] ?? 1]);
    const ys = GALLERY.taus.flatMap((_, n) => [iouAt(image, v, n) ?? 0, iouAt(image, v, n) ?? 0]);
    plot.inside.append(svg("path", { class: "line", d: stepOrLine(xs, ys, plot.x, plot.y), stroke: colorOf(v), "stroke-dasharray": dashOf(v) }));
    const step = stepOf(v);
    plot.inside.append(svg("circle", { class: "point", cx: plot.x(GALLERY.taus[step]), cy: plot.y(iouAt(image, v, step) ?? 0), r: 4, fill: colorOf(v) }));
  }
  return plot.root;
}
