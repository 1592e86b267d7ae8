// The URL names the company and the mode that the page shows, so that it shows the same to whoever gets the link.
function nameThePlace() {
  const { company, mode } = document.body.dataset;
  if (!company) {
    return;
  }
  const url = new URL(location.href);
  const others = [...url.searchParams].filter(([name]) => name !== "company" && name !== "mode");
  url.search = new URLSearchParams([["company", company], ["mode", mode], ...others]);
  history.replaceState(history.state, "", url);
}

document.addEventListener("DOMContentLoaded", nameThePlace);
document.addEventListener("htmx:pushedIntoHistory", nameThePlace);
