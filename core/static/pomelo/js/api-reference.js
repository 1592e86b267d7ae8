// Starts the viewer that the page has loaded: Swagger UI or Redoc.
// Redoc shows its maker's logo from its maker's server and has no option against it. No page here asks another server for
// anything, so an image is never told such an address, by whichever of the two ways of telling it.
function withoutForeignImages() {
  const image = HTMLImageElement.prototype;
  const isForeign = (value) => new URL(value, location.href).origin !== location.origin && !/^(data|blob):/.test(value);
  const setAttribute = image.setAttribute;
  image.setAttribute = function setOwn(name, value) {
    if (name === "src" && isForeign(value)) {
      this.hidden = true;
      return;
    }
    setAttribute.call(this, name, value);
  };
  const src = Object.getOwnPropertyDescriptor(image, "src");
  Object.defineProperty(image, "src", {
    ...src,
    set(value) {
      if (isForeign(value)) {
        this.hidden = true;
        return;
      }
      src.set.call(this, value);
    },
  });
}

// The person's choice, which the server has written into <html data-theme>, or else the system's.
function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;
}

const REDOC_DARK = {
  colors: {
    primary: { main: "#ff9d78" },
    text: { primary: "#e4e6e6", secondary: "#b7bcbf" },
    border: { dark: "#4b5358", light: "#353c40" },
    gray: { 50: "#262b2e", 100: "#2f3538" },
    success: { main: "#6cc486", contrastText: "#1c2022" },
    error: { main: "#ff8f8f", contrastText: "#1c2022" },
    responses: {
      success: { color: "#6cc486", backgroundColor: "#1e2f25", tabTextColor: "#6cc486" },
      error: { color: "#ff8f8f", backgroundColor: "#3a2323", tabTextColor: "#ff8f8f" },
    },
  },
  schema: { nestedBackground: "#262b2e", typeNameColor: "#b7bcbf", typeTitleColor: "#b7bcbf", linesColor: "#4b5358" },
  sidebar: { backgroundColor: "#16191b", textColor: "#e4e6e6" },
  rightPanel: { backgroundColor: "#111415" },
  codeBlock: { backgroundColor: "#080a0b" },
  typography: { code: { color: "#ffb59c", backgroundColor: "#2b2321" }, links: { color: "#ff9d78", visited: "#ff9d78" } },
};

(() => {
  const url = "/v1/openapi.json";
  const dark = isDark();
  document.documentElement.classList.toggle("dark-mode", dark);
  const swagger = document.getElementById("swagger-ui");
  if (swagger) {
    window.SwaggerUIBundle({
      url,
      domNode: swagger,
      deepLinking: true,
      displayRequestDuration: true,
      // A secret typed into the page is forgotten with the page.
      persistAuthorization: false,
    });
  } else {
    withoutForeignImages();
    const options = { hideDownloadButton: true, nativeScrollbars: true, theme: dark ? REDOC_DARK : {} };
    window.Redoc.init(url, options, document.getElementById("redoc"));
  }
})();
