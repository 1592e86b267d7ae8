// "Run it now" beside a new secret: calls the API with it from this page, and shows what came back. The secret stays in the page.
document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-run] button") : null;
  if (!button) {
    return;
  }
  const place = button.closest("[data-run]");
  const shown = place.querySelector("pre");
  const secret = document.getElementById(place.dataset.runSecret).value;
  button.disabled = true;
  shown.parentElement.hidden = false;
  shown.textContent = "Calling…";
  try {
    const answer = await fetch(place.dataset.run, {
      headers: { Authorization: `Bearer ${secret}` },
      credentials: "omit",
      cache: "no-store",
    });
    const body = await answer.text();
    let text = body;
    try {
      text = JSON.stringify(JSON.parse(body), null, 2);
    } catch {
      // Not JSON: shown as it came.
    }
    shown.textContent = `${answer.status} ${answer.statusText}\n\n${text}`;
  } catch {
    shown.textContent = "No answer. Is this page's server still running?";
  }
  button.disabled = false;
});
