// The little that the page does by itself: focus and language of a new screen, emptying a field, and its cover.
// Nothing is kept here; what a rider typed is taken out of the field as it is read.
"use strict";

function kioskScene(focusId, language, title, say) {
  document.documentElement.lang = language;
  document.title = title;
  const voice = document.getElementById("say");
  if (voice && voice.textContent !== say) voice.textContent = say;
  if (!focusId) return;
  for (const field of document.querySelectorAll("input")) field.value = "";
  const target = document.getElementById(focusId);
  if (target) target.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function kioskRead(id) {
  const field = document.getElementById(id);
  const value = field ? field.value : "";
  if (field) field.value = "";
  return value;
}

// A page out of the browser's back/forward cache, or one whose kiosk came back, begins anew.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
const waiting = setInterval(() => {
  if (!window.socket) return;
  clearInterval(waiting);
  window.socket.on("disconnect", () => {
    document.documentElement.dataset.lost = "";
    for (const part of document.querySelectorAll("#rider, #machine")) part.replaceChildren();
  });
  window.socket.on("connect", () => {
    if ("lost" in document.documentElement.dataset) location.reload();
  });
}, 50);

// Copying the QR text of the emulated tray; only the emulated machine has such a button.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copies]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copies).textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.dataset.copied = "";
  } catch {
    getSelection().selectAllChildren(document.getElementById(button.dataset.copies));
  }
});
