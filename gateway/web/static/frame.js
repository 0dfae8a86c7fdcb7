"use strict";
// Light, dark, or as the system has it: remembered by the browser, set before anything is painted.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const CHOICES = ["system", "light", "dark"];
  const NAMES = { system: "Colours: as the system", light: "Colours: light", dark: "Colours: dark" };
  let choice = "system";
  try {
    const kept = localStorage.getItem("gateline-colours");
    if (CHOICES.includes(kept)) choice = kept;
  } catch { /* a browser that keeps nothing */ }

  function apply() {
    const dark = choice === "dark" || (choice === "system" && system.matches);
    root.dataset.theme = dark ? "dark" : "light";
    root.style.colorScheme = root.dataset.theme;
    // The library's own parts follow; it is there a little later than we are.
    if (window.Quasar?.Dark && document.body) window.Quasar.Dark.set(dark);
    const button = document.getElementById("theme");
    if (button) {
      button.setAttribute("aria-label", NAMES[choice]);
      button.title = NAMES[choice];
      button.dataset.choice = choice;
    }
    dispatchEvent(new CustomEvent("gateline-theme", { detail: root.dataset.theme }));
  }

  apply();
  system.addEventListener("change", apply);
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("#theme")) return;
    choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
    try { localStorage.setItem("gateline-colours", choice); } catch { /* shown, and forgotten */ }
    apply();
  });
  // The page's elements are made by a script: whenever the button comes, it gets its name.
  new MutationObserver((_, observer) => {
    if (document.getElementById("theme")) { apply(); observer.disconnect(); }
  }).observe(root, { childList: true, subtree: true });
})();
