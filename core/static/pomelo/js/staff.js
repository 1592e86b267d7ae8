// The staff site's theme calls each of its scrolling parts "scrollable content": one to a page at most can be found by that.
window.addEventListener("load", () => {
  document.querySelectorAll(".simplebar-content-wrapper").forEach((part, index) => {
    const name = part.closest("nav, #nav-sidebar") ? "Menu, scrolling" : `Part ${index + 1}, scrolling`;
    part.setAttribute("aria-label", name);
  });
});

// On a telephone each cell says what its column is called: the theme takes the name as it is in the code, in lower case.
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("#content [data-label]").forEach((cell) => {
    const { label } = cell.dataset;
    cell.dataset.label = label.charAt(0).toUpperCase() + label.slice(1);
  });
});

// Single keys, as on the dashboard: / opens the search of everything, ? the sheet of shortcuts. They do nothing while somebody types,
// and can be switched off on the sheet (WCAG 2.1.4), for both sites at once. The theme's own / looks through one list only.
const SINGLE_KEYS = "single-keys";

function isTyping(target) {
  return target instanceof HTMLElement
    && (target.isContentEditable || target.matches("textarea, select, input:not([type=checkbox], [type=radio], [type=button], [type=submit])"));
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) {
    return;
  }
  const sheet = document.getElementById("shortcuts");
  if (!sheet || !["/", "?"].includes(event.key)) {
    return;
  }
  event.stopPropagation();
  if (localStorage.getItem(SINGLE_KEYS) === "off") {
    return;
  }
  event.preventDefault();
  if (event.key === "/") {
    window.dispatchEvent(new CustomEvent("opencommand"));
  } else {
    sheet.showModal();
  }
}, true);

document.addEventListener("DOMContentLoaded", () => {
  const box = document.getElementById("single-keys");
  if (box) {
    box.checked = localStorage.getItem(SINGLE_KEYS) !== "off";
    box.addEventListener("change", () => localStorage.setItem(SINGLE_KEYS, box.checked ? "on" : "off"));
  }
});

// The theme's search (Ctrl+K) looks up at the keys of a keyboard alone, and Enter fails while no result is chosen. Whoever pastes an
// identifier, by whatever means, and presses Enter gets to the first result, as soon as it is there.
const FIELD = "search-input-command";
let asked = "";
let answered = "";
let isAwaited = false;

// The theme puts the cursor into the search after 20 ms, in vain if a busy machine has not shown it by then.
document.addEventListener("DOMContentLoaded", () => {
  const field = document.getElementById(FIELD);
  let wasShown = false;
  if (field) {
    new ResizeObserver(() => {
      const isShown = field.offsetWidth > 0;
      if (isShown && !wasShown) {
        field.focus();
      }
      wasShown = isShown;
    }).observe(field);
  }
});

function openFirst() {
  const first = document.querySelector("#command-results a[href]");
  isAwaited = false;
  if (first) {
    location.assign(first.href);
  }
}

document.addEventListener("keydown", (event) => {
  const field = event.target;
  if (event.key !== "Enter" || field.id !== FIELD || document.querySelector("#command-results .active")) {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
  if (field.value && field.value === answered) {
    openFirst();
  } else {
    isAwaited = Boolean(field.value);
  }
}, true);

document.addEventListener("input", (event) => {
  if (event.target.id === FIELD) {
    isAwaited = false;
    event.target.dispatchEvent(new KeyboardEvent("keyup", { bubbles: true }));
  }
});

document.addEventListener("htmx:configRequest", (event) => {
  if (event.target.id === FIELD) {
    asked = event.target.value;
    event.detail.parameters[event.target.name] = withoutSecrets(asked);
  }
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "command-results") {
    answered = asked;
    if (isAwaited) {
      openFirst();
    }
  }
});
