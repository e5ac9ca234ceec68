// The table: heads become buttons that sort, and a choice of which numbers are shown.

function startTable() {
  const table = byId("numbers"), body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  for (const [place, head] of heads.entries()) {
    const button = h("button", { type: "button", onclick: () => sortBy(place) });
    button.append(...head.childNodes);
    head.append(button);
  }
  for (const [n, row] of [...body.rows].entries()) {
    row.querySelector(".swatch").replaceWith(swatch(Number(row.dataset.variant)));
    row.dataset.order = n;
  }

  function sortBy(place) {
    const head = heads[place], before = head.getAttribute("aria-sort");
    const downFirst = head.dataset.higher === "1";
    const down = before ? before === "ascending" : downFirst;
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const worth = (row) => {
      const cell = row.cells[place];
      return place === 0 ? cell.textContent : cell.dataset.v === "" ? null : Number(cell.dataset.v);
    };
    const rows = [...body.rows].sort((one, two) => {
      const [a, b] = [worth(one), worth(two)];
      if (a === null || b === null) return (a === null) - (b === null) || one.dataset.order - two.dataset.order;
      const order = place === 0 ? a.localeCompare(b) : a - b;
      return (down ? -order : order) || one.dataset.order - two.dataset.order;
    });
    body.append(...rows);
    const label = head.innerText.replace(/\s+/g, " ").trim();
    byId("sorted").textContent = `Sorted by ${label}, ${down ? "descending" : "ascending"}`;
  }

  const measures = [...new Set(DATA.columns.map((column) => column.measure))];
  const choice = byId("columns");
  const options = [["main", "Main numbers"], ...measures.map((name) => [name, name]), ["cost", "Cost"], ["", "All"]];
  choice.append(...options.map(([value, name]) => h("option", { value }, name)));
  const show = () => {
    const wanted = choice.value;
    const seen = heads.map((head, place) => place === 0 || !wanted || head.dataset.set === "always" || head.dataset.set.split(" ").includes(wanted));
    for (const row of table.rows) for (const [place, cell] of [...row.cells].entries()) cell.hidden = !seen[place];
  };
  choice.addEventListener("change", show);
  show();
}
