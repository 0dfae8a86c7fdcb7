// Buttons with `data-copy`: they put that text on the clipboard and say so; where the browser won't, they select it.
document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("button[data-copy]");
  if (!button) return;
  let said = "Copied";
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    // Only a secure context has a clipboard; somebody on another machine copies what is selected.
    const code = button.parentElement.querySelector("code");
    const range = document.createRange();
    range.selectNodeContents(code);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    said = "Selected";
  }
  const before = button.dataset.says ??= button.textContent;
  button.textContent = said;
  clearTimeout(button.saying);
  button.saying = setTimeout(() => { button.textContent = before; }, 2000);
});
