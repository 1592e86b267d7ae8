// Confirmations. Without scripts a [data-dialog] link leads to a page that asks the same question;
// with scripts it opens the native <dialog> beside it: Esc closes, and focus returns where it came from.
document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  if (!target) {
    return;
  }
  const opener = target.closest("[data-dialog]");
  if (opener) {
    const dialog = document.getElementById(opener.dataset.dialog);
    if (dialog instanceof HTMLDialogElement) {
      event.preventDefault();
      const menu = opener.closest("details.menu");
      if (menu) {
        menu.open = false;
      }
      dialog.showModal();
    }
    return;
  }
  const closer = target.closest("[data-dialog-close]");
  if (closer) {
    event.preventDefault();
    closer.closest("dialog").close();
    return;
  }
  if (target instanceof HTMLDialogElement) {
    target.close();
  }
});
