// Copy buttons: <button data-copy="id-of-input-or-code">. Says what happened in the button's live region.
function textOf(element) {
  return "value" in element ? element.value : element.textContent;
}

function selectContents(element) {
  if ("select" in element) {
    element.select();
    return;
  }
  const range = document.createRange();
  range.selectNodeContents(element);
  const selection = window.getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}

document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-copy]") : null;
  if (!button) {
    return;
  }
  const source = document.getElementById(button.dataset.copy);
  const status = document.getElementById("copy-status");
  const label = button.querySelector("[data-copy-label]");
  const say = (text) => {
    if (status) {
      status.textContent = text;
    }
    if (label) {
      const before = label.dataset.copyLabel;
      label.textContent = text;
      window.setTimeout(() => {
        label.textContent = before;
      }, 2000);
    }
  };
  try {
    await navigator.clipboard.writeText(textOf(source));
    button.classList.add("is-copied");
    window.setTimeout(() => button.classList.remove("is-copied"), 2000);
    say("Copied");
  } catch {
    selectContents(source);
    say("Press Ctrl+C");
  }
});
