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

// A whole secret in a filter is shortened to the part that pages show before it becomes part of a URL, which ends up in logs: when the
// form is sent, and when a choice beside the field applies at once.
function shortenSecrets(form) {
  form.querySelectorAll("input[type=search], input[type=text]").forEach((field) => {
    field.value = field.value
      .replace(/\b(pm_(?:live|test)_[0-9A-Za-z]{8})[0-9A-Za-z]{12,}([0-9A-Za-z]{4})\b/g, "$1…$2")
      .replace(/\bwhsec_[0-9A-Za-z+/_-]{24,}=*/g, "whsec_…");
  });
}

for (const name of ["submit", "change"]) {
  document.addEventListener(name, (event) => {
    const form = event.target instanceof HTMLFormElement ? event.target : event.target.form;
    if (form?.method === "get") {
      shortenSecrets(form);
    }
  }, true);
}
