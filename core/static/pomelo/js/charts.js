// Charts: what a column says, beside the pointer or at a tap, and where it leads. Everything comes from the row of the table
// below the chart, which is there for keyboards and without scripts.
function rowOf(column) {
  const figure = column.closest("[data-chart]");
  const index = [...column.parentElement.querySelectorAll(".chart-column")].indexOf(column);
  return figure.querySelectorAll("tbody tr")[index];
}

function readout(figure) {
  let box = figure.querySelector(".chart-readout");
  if (!box) {
    box = document.createElement("div");
    box.className = "chart-readout";
    box.hidden = true;
    figure.append(box);
  }
  return box;
}

function contentOf(cell) {
  return [...cell.childNodes].map((node) => node.cloneNode(true));
}

function show(column, by) {
  const figure = column.closest("[data-chart]");
  const row = rowOf(column);
  if (!row) {
    return;
  }
  const box = readout(figure);
  if (box.of !== column || box.dataset.by !== by) {
    hideAll();
    const [label, ...cells] = row.children;
    const names = figure.querySelectorAll("thead th");
    const title = document.createElement("strong");
    title.append(...contentOf(label), label.title && ` (${label.title})`);
    const list = document.createElement("dl");
    cells.forEach((cell, place) => {
      if (cell.textContent === "0" && cells.length > 3) {
        return;
      }
      const term = document.createElement("dt");
      term.textContent = names[place + 1].textContent;
      const value = document.createElement("dd");
      value.append(...contentOf(cell));
      list.append(term, value);
    });
    box.replaceChildren(title, list);
    box.of = column;
    box.dataset.by = by;
    column.classList.add("chart-on");
  }
  box.hidden = false;
  const frame = figure.getBoundingClientRect();
  const slot = column.getBoundingClientRect();
  const right = slot.right - frame.left + 8;
  const fits = right + box.offsetWidth <= frame.width;
  box.style.left = `${fits ? right : Math.max(0, slot.left - frame.left - box.offsetWidth - 8)}px`;
}

function hideAll() {
  document.querySelectorAll(".chart-readout").forEach((box) => {
    box.hidden = true;
    box.of = null;
  });
  document.querySelectorAll(".chart-on").forEach((column) => column.classList.remove("chart-on"));
}

function columnAt(event) {
  return event.target instanceof Element ? event.target.closest("[data-chart] .chart-column") : null;
}

document.addEventListener("pointerover", (event) => {
  const column = columnAt(event);
  if (event.pointerType === "touch") {
    return;
  }
  if (column) {
    column.querySelector("title")?.remove(); // the browser's own read-out, for pages without scripts
    const row = rowOf(column);
    column.ownerSVGElement.classList.toggle("chart-leads", Boolean(row && row.querySelector("a")));
    show(column, "pointer");
  } else if (!(event.target instanceof Element) || !event.target.closest(".chart-readout")) {
    hideAll();
  }
});

document.addEventListener("click", (event) => {
  const column = columnAt(event);
  if (!column) {
    if (!(event.target instanceof Element) || !event.target.closest(".chart-readout")) {
      hideAll();
    }
    return;
  }
  if (event.pointerType === "touch") {
    show(column, "tap");
    return;
  }
  const row = rowOf(column);
  const part = event.target.dataset.series;
  const link = row && ((part && row.children[Number(part) + 1].querySelector("a")) || row.querySelector("a"));
  if (link) {
    if (event.ctrlKey || event.metaKey) {
      window.open(link.href, "_blank", "noopener");
    } else {
      location.assign(link.href);
    }
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    hideAll();
  }
});
