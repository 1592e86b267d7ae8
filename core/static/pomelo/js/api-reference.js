// Starts the viewer that the page has loaded: Swagger UI or Redoc.
// Redoc shows its maker's logo from its maker's server and has no option against it. No page here asks another server for
// anything, so an image is never told such an address.
function withoutForeignImages() {
  const set = HTMLImageElement.prototype.setAttribute;
  HTMLImageElement.prototype.setAttribute = function setOwn(name, value) {
    if (name === "src" && new URL(value, location.href).origin !== location.origin && !/^(data|blob):/.test(value)) {
      this.hidden = true;
      return;
    }
    set.call(this, name, value);
  };
}

(() => {
  const url = "/v1/openapi.json";
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
    window.Redoc.init(url, { hideDownloadButton: true, nativeScrollbars: true }, document.getElementById("redoc"));
  }
})();
