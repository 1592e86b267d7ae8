// Menus are <details>. Close them on Esc (giving focus back) and on a click elsewhere; only one stays open.
function openMenus() {
  return document.querySelectorAll("details.menu[open]");
}

document.addEventListener("click", (event) => {
  openMenus().forEach((menu) => {
    if (!menu.contains(event.target)) {
      menu.open = false;
    }
  });
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") {
    return;
  }
  openMenus().forEach((menu) => {
    const inside = menu.contains(document.activeElement);
    menu.open = false;
    if (inside) {
      menu.querySelector("summary").focus();
    }
  });
});

// The menu of a narrow page has no place on a wide one, for example after a tablet was turned.
matchMedia("(width >= 56rem)").addEventListener("change", () => {
  document.querySelector(".shell-menu:popover-open")?.hidePopover();
});
