// The staff site's theme calls each of its scrolling parts "scrollable content": one to a page at most can be found by that.
window.addEventListener("load", () => {
  document.querySelectorAll(".simplebar-content-wrapper").forEach((part, index) => {
    const name = part.closest("nav, #nav-sidebar") ? "Menu, scrolling" : `Part ${index + 1}, scrolling`;
    part.setAttribute("aria-label", name);
  });
});

// The theme's search (Ctrl+K) looks up at the keys of a keyboard alone, and Enter fails while no result is chosen. Whoever pastes an
// identifier, by whatever means, and presses Enter gets to the first result, as soon as it is there.
const FIELD = "search-input-command";
let asked = "";
let answered = "";
let isAwaited = false;

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
