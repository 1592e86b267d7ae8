// The event picker: groups whose box is ticked, empty or in between, and a search. Without it a group's box means all of the group,
// and the server leaves out what a wider choice has in it.
function eventBoxes(group) {
  return [...group.querySelectorAll("[data-event-child] input[type=checkbox]")];
}

function settleEvents(picker) {
  const all = picker.querySelector("[data-event-all]");
  let some = false;
  picker.querySelectorAll("[data-event-group]").forEach((group) => {
    const parent = group.querySelector("[data-event-parent]");
    const ticked = eventBoxes(group).filter((box) => box.checked).length;
    parent.indeterminate = !parent.checked && ticked > 0;
    some = some || parent.checked || ticked > 0;
  });
  all.indeterminate = !all.checked && some;
}

function tickEvents(group, on) {
  group.querySelector("[data-event-parent]").checked = on;
  eventBoxes(group).forEach((box) => {
    box.checked = on;
  });
}

document.addEventListener("change", (event) => {
  const box = event.target instanceof Element ? event.target : null;
  const picker = box && box.matches("input[type=checkbox]") && box.closest("[data-event-picker]");
  if (!picker) {
    return;
  }
  const all = picker.querySelector("[data-event-all]");
  const group = box.closest("[data-event-group]");
  if (box === all) {
    picker.querySelectorAll("[data-event-group]").forEach((one) => tickEvents(one, all.checked));
  } else if (box.matches("[data-event-parent]")) {
    tickEvents(group, box.checked);
  } else if (!box.checked) {
    group.querySelector("[data-event-parent]").checked = false;
  }
  if (!box.checked) {
    all.checked = false;
  }
  settleEvents(picker);
});

document.addEventListener("input", (event) => {
  const search = event.target instanceof Element ? event.target.closest("[data-event-search]") : null;
  if (!search) {
    return;
  }
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const picker = search.closest("[data-event-picker]");
  let found = 0;
  picker.querySelectorAll("[data-event-group]").forEach((group) => {
    let here = 0;
    group.querySelectorAll("[data-event-child]").forEach((child) => {
      child.hidden = !words.every((word) => child.textContent.toLowerCase().includes(word));
      here += child.hidden ? 0 : 1;
    });
    group.hidden = here === 0;
    found += here;
  });
  picker.querySelector("[data-event-found]").textContent = `${found} events`;
});

// Enter in the search would send the form.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target instanceof Element && event.target.matches("[data-event-search]")) {
    event.preventDefault();
  }
});

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-event-picker]").forEach((picker) => {
    const all = picker.querySelector("[data-event-all]");
    picker.querySelectorAll("[data-event-group]").forEach((group) => {
      if (all.checked || group.querySelector("[data-event-parent]").checked) {
        tickEvents(group, true);
      }
    });
    settleEvents(picker);
  });
});
