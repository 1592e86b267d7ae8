// Marks that scripts run, and lets the theme menu act without loading the page again.
// The server has already written the person's choice into <html data-theme>, so nothing flashes.
document.documentElement.classList.add("js");

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.matches("[data-theme-form]")) {
    return;
  }
  const choice = event.submitter && event.submitter.value;
  if (!choice) {
    return;
  }
  event.preventDefault();
  fetch(form.action, {
    method: "POST",
    body: new FormData(form, event.submitter),
    headers: { "X-Requested-With": "fetch" },
    redirect: "manual",
  }).then(() => {
    if (choice === "system") {
      document.documentElement.removeAttribute("data-theme");
    } else {
      document.documentElement.dataset.theme = choice;
    }
    document.querySelectorAll("[data-theme-form] button").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.value === choice));
    });
  }).catch(() => form.submit());
});
