// A language chosen for one sample of the documentation is chosen for all of them, and kept for the next page.
const SAMPLES_LANGUAGE = "samples-language";

function chooseLanguage(language) {
  document.querySelectorAll(".prose .tabs input").forEach((input) => {
    if (input.labels[0].textContent === language) {
      input.checked = true;
    }
  });
}

document.addEventListener("change", (event) => {
  const input = event.target;
  if (!(input instanceof HTMLInputElement) || !input.matches(".prose .tabs input")) {
    return;
  }
  const language = input.labels[0].textContent;
  const top = input.labels[0].getBoundingClientRect().top;
  chooseLanguage(language);
  localStorage.setItem(SAMPLES_LANGUAGE, language);
  // The samples above have another length now: what was chosen stays where it was on the screen.
  window.scrollBy({ top: input.labels[0].getBoundingClientRect().top - top, behavior: "instant" });
});

document.addEventListener("DOMContentLoaded", () => chooseLanguage(localStorage.getItem(SAMPLES_LANGUAGE)));
