// Start: theme, then what is on screen first.

const THEMES = ["auto", "light", "dark"];

function startTheme() {
  const button = byId("theme");
  let theme = "auto";
  try { theme = localStorage.getItem("wsol-theme") ?? "auto"; } catch { /* pages from a file may have no storage */ }
  const set = (name) => {
    theme = THEMES.includes(name) ? name : "auto";
    if (theme === "auto") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
    try { localStorage.setItem("wsol-theme", theme); } catch { /* as above */ }
  };
  button.hidden = false;
  button.addEventListener("click", () => set(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]));
  set(theme);
}

for (const node of document.querySelectorAll("[data-script]")) node.hidden = false;
startTheme();
startTable();
startCharts();
startGallery().then(() => {
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
});
