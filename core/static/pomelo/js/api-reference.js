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
      redirect: { color: "#f0b45a", backgroundColor: "#332a1a", tabTextColor: "#f0b45a" },
    },
  },
  schema: { nestedBackground: "#262b2e", typeNameColor: "#b7bcbf", typeTitleColor: "#b7bcbf", linesColor: "#4b5358" },
  sidebar: { backgroundColor: "#16191b", textColor: "#e4e6e6" },
  rightPanel: { backgroundColor: "#111415" },
  codeBlock: { backgroundColor: "#080a0b" },
  typography: { code: { color: "#ffb59c", backgroundColor: "#2b2321" }, links: { color: "#ff9d78", visited: "#ff9d78" } },
};

// What Swagger UI leaves out for screen readers, added through its plugins: https://swagger.io/docs/open-source-tools/swagger-ui/customization/
function mapElements({ React }, node, change) {
  if (Array.isArray(node)) {
    return node.map((one) => mapElements({ React }, one, change));
  }
  if (!React.isValidElement(node)) {
    return node;
  }
  const changed = change(node);
  const { children } = changed.props;
  return children === undefined
    ? changed
    : React.cloneElement(changed, {}, ...[children].flat().map((one) => mapElements({ React }, one, change)));
}

const ACCESSIBLE = () => ({
  wrapComponents: {
    // The page has its own <main>, so that what stands above the operations is in it, too.
    VersionPragmaFilter: (Original, { React }) => ({ children, ...props }) => React.createElement(
      Original,
      props,
      ...[children].flat().map((child) => mapElements({ React }, child, (one) => (
        one.type === "main" ? React.createElement("div", one.props) : one
      ))),
    ),
    // The title is followed by headings of the third level.
    operations: (Original, { React }) => (props) => React.createElement(
      React.Fragment,
      null,
      React.createElement("h2", { className: "visually-hidden" }, "Operations"),
      React.createElement(Original, props),
    ),
    Servers: (Original, { React }) => (props) => mapElements(
      { React },
      Original(props),
      (one) => (one.type === "select" && one.props.id === "servers" ? React.cloneElement(one, { "aria-label": "Server" }) : one),
    ),
    // The path of an operation is a link inside the button that opens it: nothing can be pressed inside a button.
    DeepLink: (Original, { React }) => (props) => (props.path.includes("/")
      ? React.createElement("span", { className: "nostyle" }, props.text)
      : React.createElement(Original, props)),
  },
});

// What neither viewer has an option for: names, levels and keys that elements lack once they are drawn, which is also later on.
function complete(root, lacking) {
  const completeAll = () => lacking.forEach(([selector, attribute, valueOf]) => {
    root.querySelectorAll(selector).forEach((one) => {
      if (!one.hasAttribute(attribute)) {
        one.setAttribute(attribute, valueOf(one));
      }
    });
  });
  let isDue = false;
  new MutationObserver(() => {
    if (!isDue) {
      isDue = true;
      requestAnimationFrame(() => {
        isDue = false;
        completeAll();
      });
    }
  }).observe(root, { childList: true, subtree: true });
}

const nameOfOperation = (one) => one.closest(".opblock")?.querySelector(".opblock-summary-path")?.dataset.path ?? "";
const SWAGGER_LACKS = [
  ["tr[data-param-name] :is(select, textarea)", "aria-label", (one) => one.closest("tr").dataset.paramName],
  [".examples-select-element", "aria-label", () => "Example"],
  ["textarea.body-param__text", "aria-label", () => "Request body"],
  ["select.content-type", "aria-label", () => "Media type"],
  ["table.responses-table[role=region]", "aria-label", (one) => `Responses of ${one.closest(".opblock")?.className.match(/opblock-(\w+)/)[1]} ${nameOfOperation(one)}`],
  ["pre.microlight", "tabindex", () => "0"],
  [".close-modal", "aria-label", () => "Close"],
  [".modal-ux-header h3", "aria-level", () => "2"],
  [".modal-ux-content h4", "aria-level", () => "3"],
];
const REDOC_LACKS = [["h5", "aria-level", () => "3"]];

// Redoc draws patterns in a colour of its own, which its themes do not change.
function brightenPatterns(root) {
  const fixed = "rgb(14, 124, 134)";
  new MutationObserver((_changes, observer) => {
    const rules = [...document.styleSheets].flatMap((sheet) => (sheet.href ? [] : [...sheet.cssRules]));
    const found = rules.filter((rule) => rule.style?.color === fixed);
    found.forEach((rule) => rule.style.setProperty("color", "#67d4de"));
    if (found.length) {
      observer.disconnect();
    }
  }).observe(root, { childList: true, subtree: true });
}

(() => {
  const url = "/v1/openapi.json";
  const dark = isDark();
  document.documentElement.classList.toggle("dark-mode", dark);
  const swagger = document.getElementById("swagger-ui");
  if (swagger) {
    complete(swagger, SWAGGER_LACKS);
    window.SwaggerUIBundle({
      url,
      domNode: swagger,
      deepLinking: true,
      plugins: [ACCESSIBLE],
      displayRequestDuration: true,
      // A secret typed into the page is forgotten with the page.
      persistAuthorization: false,
    });
  } else {
    const redoc = document.getElementById("redoc");
    withoutForeignImages();
    complete(redoc, REDOC_LACKS);
    if (dark) {
      brightenPatterns(redoc);
    }
    const options = { hideDownloadButton: true, nativeScrollbars: true, theme: dark ? REDOC_DARK : {} };
    window.Redoc.init(url, options, redoc);
  }
})();
