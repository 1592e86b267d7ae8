// The staff site's theme calls each of its scrolling parts "scrollable content": one to a page at most can be found by that.
window.addEventListener("load", () => {
  document.querySelectorAll(".simplebar-content-wrapper").forEach((part, index) => {
    const name = part.closest("nav, #nav-sidebar") ? "Menu, scrolling" : `Part ${index + 1}, scrolling`;
    part.setAttribute("aria-label", name);
  });
});
