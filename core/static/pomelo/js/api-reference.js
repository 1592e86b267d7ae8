// Starts the viewer that the page has loaded: Swagger UI or Redoc.
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
    window.Redoc.init(url, { hideDownloadButton: true, nativeScrollbars: true }, document.getElementById("redoc"));
  }
})();
