// A whole secret in a search is shortened to the part that pages show before it is sent: searches are in URLs, and URLs end up in logs.
// The forms are those of core.values.redaction, and a test compares them.
const SECRETS = [
  [/\b(pm_live_[0-9A-Za-z]{8})[0-9A-Za-z]{12,}([0-9A-Za-z]{4})\b/g, "$1…$2"],
  [/\b(pm_test_[0-9A-Za-z]{8})[0-9A-Za-z]{12,}([0-9A-Za-z]{4})\b/g, "$1…$2"],
  [/\b(whsec_)[0-9A-Za-z+/_-]{24,}=*/g, "$1…"],
];

function withoutSecrets(text) {
  return SECRETS.reduce((shortened, [secret, shown]) => shortened.replace(secret, shown), text);
}

function shortenSecrets(form) {
  form.querySelectorAll("input[type=search], input[type=text]").forEach((field) => {
    field.value = withoutSecrets(field.value);
  });
}

// When the form is sent, and when a choice beside the field applies at once.
for (const name of ["submit", "change"]) {
  document.addEventListener(name, (event) => {
    const form = event.target instanceof HTMLFormElement ? event.target : event.target.form;
    // Not form.method, which is a field of that name if the form has one: the request log filters by method.
    if (form && (form.getAttribute("method") ?? "get").toLowerCase() === "get") {
      shortenSecrets(form);
    }
  }, true);
}
