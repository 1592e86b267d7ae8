// Lists: a press anywhere on a row opens what it is about; boxes are selected together, and counted; moments are in the person's time.
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

function countSelected(form) {
  const boxes = [...form.querySelectorAll("tbody input[type=checkbox]")];
  const selected = boxes.filter((box) => box.checked).length;
  const all = form.querySelector("[data-select-all]");
  if (all) {
    all.checked = selected > 0 && selected === boxes.length;
    all.indeterminate = selected > 0 && selected < boxes.length;
  }
  form.querySelectorAll("[data-selected-count]").forEach((place) => {
    place.textContent = `${selected} selected`;
  });
  form.querySelectorAll("[data-needs-selection]").forEach((button) => {
    button.disabled = selected === 0;
  });
}

document.addEventListener("change", (event) => {
  const box = event.target instanceof Element ? event.target : null;
  const form = box && box.closest("form[data-selectable-rows]");
  if (!form) {
    return;
  }
  if (box.matches("[data-select-all]")) {
    form.querySelectorAll("tbody input[type=checkbox]").forEach((one) => {
      one.checked = box.checked;
    });
  }
  countSelected(form);
});

// Their time zone, for what the server places in time: the columns of charts (core/ui/reader_zone.py).
const ZONE = new Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
if (/^[\w+/-]+$/.test(ZONE) && !document.cookie.split("; ").includes(`timezone=${ZONE}`)) {
  document.cookie = `timezone=${ZONE}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
}

// The person's own time, made once: a page has a hundred moments. UTC stays in the title.
const TO_THE_SECOND = {
  day: "2-digit", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
};
const SHORT = new Intl.DateTimeFormat("en-GB", TO_THE_SECOND);
const ZONED = new Intl.DateTimeFormat("en-GB", { ...TO_THE_SECOND, timeZoneName: "short" });

function localize(root) {
  root.querySelectorAll("time[data-local]").forEach((time) => {
    const moment = new Date(time.dateTime);
    const where = time.dataset.local;
    const own = (where === "text" ? SHORT : ZONED).format(moment);
    if (where === "title") {
      time.title = `${own} (${time.title})`;
    } else {
      time.textContent = own;
    }
    time.removeAttribute("data-local");
  });
}

// Filters are folded where there is little room; where there is enough they are open, also in a browser that cannot be told by CSS.
const ENOUGH_ROOM = window.matchMedia("(width >= 40rem)");

function openFilters() {
  if (ENOUGH_ROOM.matches) {
    document.querySelectorAll("details.filter-drawer").forEach((drawer) => {
      drawer.open = true;
    });
  }
}

function countAll() {
  document.querySelectorAll("form[data-selectable-rows]").forEach(countSelected);
}

document.addEventListener("DOMContentLoaded", () => {
  localize(document);
  countAll();
  openFilters();
});
ENOUGH_ROOM.addEventListener("change", openFilters);
document.addEventListener("htmx:afterSwap", (event) => {
  localize(document);
  countAll();
  openFilters();
  const filters = event.detail.requestConfig && event.detail.requestConfig.elt;
  if (filters instanceof Element && filters.matches(".filter-bar")) {
    // On a narrow screen whoever is choosing goes on choosing.
    document.querySelectorAll("details.filter-drawer").forEach((drawer) => {
      drawer.open = true;
    });
    const chosen = event.detail.requestConfig.triggeringEvent;
    const field = chosen && document.getElementById(chosen.target.id);
    if (field) {
      field.focus();
    }
    const rows = document.querySelectorAll("#content tbody tr").length;
    document.getElementById("copy-status").textContent = rows ? `The list has ${rows} rows now.` : "Nothing fits these filters.";
  }
});
window.addEventListener("pageshow", countAll);
