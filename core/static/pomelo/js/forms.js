// Small helps for forms; each form works without them.
// [data-preset]: a link that loads the page with boxes ticked; with scripts it ticks them here. [data-submit-once]: a second press does nothing.
// [data-auto-submit]: a filter that applies itself when changed.
function tick(form, name, wanted) {
  form.querySelectorAll(`input[type=checkbox][name="${name}"]`).forEach((box) => {
    box.checked = wanted.has(box.value);
    box.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

document.addEventListener("click", (event) => {
  const opener = event.target instanceof Element ? event.target.closest("[data-preset]") : null;
  const form = opener && opener.closest("form");
  if (!form) {
    return;
  }
  event.preventDefault();
  tick(form, opener.dataset.presetField, new Set(opener.dataset.preset.split(" ").filter(Boolean)));
});

// Leaving a form that somebody has begun to fill in asks first. Filters are not meant, nor a form of buttons alone.
const touched = new Set();

document.addEventListener("input", (event) => {
  const form = event.target instanceof Element ? event.target.closest("form[data-submit-once]") : null;
  if (form) {
    touched.add(form);
  }
});

window.addEventListener("beforeunload", (event) => {
  if ([...touched].some((form) => form.isConnected && !form.dataset.sent)) {
    event.preventDefault();
  }
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.matches("[data-submit-once]") || event.defaultPrevented) {
    return;
  }
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
});

document.addEventListener("change", (event) => {
  const field = event.target;
  if (!(field instanceof Element)) {
    return;
  }
  if (field.closest("[data-auto-submit]") && field.matches("select, input[type=radio], input[type=checkbox]")) {
    field.form.requestSubmit();
  }
});

window.addEventListener("pageshow", () => {
  document.querySelectorAll("[data-submit-once]").forEach((form) => delete form.dataset.sent);
});
