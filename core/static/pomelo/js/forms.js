// Small helps for forms; each form works without them.
// [data-presets]: buttons that tick check boxes. [data-submit-once]: a second press does nothing.
// [data-auto-submit]: a filter that applies itself when changed. [data-requires]: enable a button by a check box.
document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("button[data-preset]") : null;
  if (!button || !button.form) {
    return;
  }
  const wanted = new Set(button.dataset.preset.split(" ").filter(Boolean));
  button.form.querySelectorAll(`input[type=checkbox][name="${button.dataset.presetField}"]`).forEach((box) => {
    box.checked = wanted.has(box.value);
    box.dispatchEvent(new Event("change", { bubbles: true }));
  });
  button.form.querySelectorAll("button[data-preset]").forEach((other) => {
    other.setAttribute("aria-pressed", String(other === button));
  });
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
  if (field.dataset.enables) {
    const button = document.getElementById(field.dataset.enables);
    button.setAttribute("aria-disabled", String(!field.checked));
  }
});

window.addEventListener("pageshow", () => {
  document.querySelectorAll("[data-submit-once]").forEach((form) => delete form.dataset.sent);
});
