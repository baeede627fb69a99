// Runs before the first paint, so that a chosen theme never flashes the other one.
try {
  const prefs = JSON.parse(localStorage.getItem("tributary.prefs") || "{}").state || {};
  if (prefs.theme === "dark" || prefs.theme === "light") document.documentElement.dataset.theme = prefs.theme;
} catch {
  // Storage is switched off, or holds something else: the system's theme it is.
}
