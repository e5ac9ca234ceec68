// What the theme leaves out for screen readers and for people who use keys alone.
document.addEventListener("DOMContentLoaded", () => {
  const name = (selector, label) => document.querySelector(selector)?.setAttribute("aria-label", label);
  name(".sidebar-drawer", "Pages");
  name(".toc-drawer", "On this page");
  for (const caption of document.querySelectorAll(".caption[role=heading]")) caption.setAttribute("aria-level", "2");

  // The page of search results has a heading only where scripts are off.
  const results = document.querySelector("#search-results");
  if (results && !document.querySelector("h1")) {
    const heading = document.createElement("h1");
    heading.textContent = "Search";
    results.before(heading);
  }

  // Pictures of the gallery are links without a text of their own.
  for (const box of document.querySelectorAll(".sphx-glr-thumbcontainer")) {
    const title = box.querySelector(".sphx-glr-thumbnail-title")?.textContent.trim();
    if (title) for (const link of box.querySelectorAll("a")) link.setAttribute("aria-label", title);
  }

  // The lines of a signature are marked up as definitions without terms; they are lines.
  for (const list of document.querySelectorAll(".sig dl")) {
    const lines = [...list.querySelectorAll("dd")].map((part) => {
      const line = document.createElement("span");
      line.className = "sig-line";
      line.append(...part.childNodes);
      return line;
    });
    list.replaceWith(...lines);
  }

  // A box that scrolls must be reachable by the Tab key.
  const reachable = () => {
    for (const box of document.querySelectorAll("pre, .table-wrapper, .formula, .sig-wrap"))
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  };
  reachable();
  addEventListener("resize", reachable);
  document.addEventListener("change", reachable); // another tab
});
