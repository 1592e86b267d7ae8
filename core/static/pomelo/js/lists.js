// Lists: a press anywhere on a row opens what it is about; boxes are ticked together, and counted; logs show the person's time.
const OWN = "a, button, input, label, select, summary, textarea, details";

document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  const row = target && target.closest("tbody tr");
  const link = row && row.querySelector("a.cell-title");
  if (!link || target.closest(OWN) || String(window.getSelection())) {
    return;
  }
  if (event.ctrlKey || event.metaKey) {
    window.open(link.href, "_blank", "noopener");
  } else {
    link.click();
  }
});

function countTicked(form) {
  const boxes = [...form.querySelectorAll("tbody input[type=checkbox]")];
  const ticked = boxes.filter((box) => box.checked).length;
  const all = form.querySelector("[data-tick-all]");
  if (all) {
    all.checked = ticked > 0 && ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
  }
  form.querySelectorAll("[data-ticked]").forEach((place) => {
    place.textContent = `${ticked} selected`;
  });
  form.querySelectorAll("[data-needs-ticked]").forEach((button) => {
    button.disabled = ticked === 0;
  });
}

document.addEventListener("change", (event) => {
  const box = event.target instanceof Element ? event.target : null;
  const form = box && box.closest("form[data-tick]");
  if (!form) {
    return;
  }
  if (box.matches("[data-tick-all]")) {
    form.querySelectorAll("tbody input[type=checkbox]").forEach((one) => {
      one.checked = box.checked;
    });
  }
  countTicked(form);
});

function localize(root) {
  root.querySelectorAll("time[data-local]").forEach((time) => {
    const moment = new Date(time.dateTime);
    const options = {
      day: "2-digit", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
    };
    time.textContent = new Intl.DateTimeFormat("en-GB", options).format(moment);
    time.removeAttribute("data-local");
  });
}

document.addEventListener("DOMContentLoaded", () => {
  localize(document);
  document.querySelectorAll("form[data-tick]").forEach(countTicked);
});
document.addEventListener("htmx:afterSwap", () => localize(document));
window.addEventListener("pageshow", () => document.querySelectorAll("form[data-tick]").forEach(countTicked));
