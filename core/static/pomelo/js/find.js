// Keyboard: Ctrl+K or / lead into the field that finds anything, ? opens the sheet of shortcuts, g and a letter go to a page.
// Single keys do nothing while somebody types, and can be switched off on the sheet (WCAG 2.1.4).
const PLACES = {
  o: "/", k: "/keys/", r: "/requests/", w: "/webhooks/", c: "/customers/", i: "/invoices/", m: "/messages/", a: "/audit/",
};
const SINGLE_KEYS = "single-keys";
let going = 0;

function singleKeys() {
  return localStorage.getItem(SINGLE_KEYS) !== "off";
}

function isTyping(target) {
  return target instanceof HTMLElement
    && (target.isContentEditable || target.matches("textarea, select, input:not([type=checkbox], [type=radio], [type=button], [type=submit])"));
}

function find() {
  const field = document.querySelector("[data-find] input[type=search]");
  // On a narrow page it is hidden until the menu is open.
  if (field?.offsetParent) {
    field.focus();
    field.select();
  } else {
    location.assign("/find/");
  }
}

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
    if (document.querySelector("[data-find]")) {
      event.preventDefault();
      find();
    }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) {
    return;
  }
  const sheet = document.getElementById("shortcuts");
  if (!sheet || !singleKeys()) {
    return;
  }
  if (event.key === "/") {
    event.preventDefault();
    find();
  } else if (event.key === "?") {
    sheet.showModal();
  } else if (event.key === "g") {
    going = Date.now();
  } else if (Date.now() - going < 1500 && PLACES[event.key]) {
    location.assign(PLACES[event.key]);
  }
});

// The list below the field: arrows walk through it, Escape closes it and gives the focus back, a click elsewhere closes it.
document.addEventListener("keydown", (event) => {
  const form = event.target instanceof Element ? event.target.closest("[data-find]") : null;
  if (!form) {
    return;
  }
  const field = form.querySelector("input[type=search]");
  if (event.key === "Escape") {
    field.dispatchEvent(new Event("htmx:abort"));
    field.focus();
    form.querySelector(".find-results").replaceChildren();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const stops = [field, ...form.querySelectorAll(".find-hit")];
    const next = stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    if (stops[next]) {
      event.preventDefault();
      stops[next].focus();
    }
  }
});

// Whoever comes into the field finds the list again, also after Escape or a click elsewhere.
document.addEventListener("focusin", (event) => {
  const form = event.target.matches("input[type=search]") ? event.target.closest("[data-find]") : null;
  if (form && !form.querySelector(".find-results").hasChildNodes()) {
    event.target.dispatchEvent(new Event("find:open"));
  }
});

document.addEventListener("click", (event) => {
  document.querySelectorAll("[data-find]").forEach((form) => {
    if (!form.contains(event.target)) {
      form.querySelector(".find-results").replaceChildren();
    }
  });
});

document.addEventListener("DOMContentLoaded", () => {
  const box = document.getElementById("single-keys");
  if (box) {
    box.checked = singleKeys();
    box.addEventListener("change", () => localStorage.setItem(SINGLE_KEYS, box.checked ? "on" : "off"));
  }
});
