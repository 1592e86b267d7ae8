// Imports a Postman collection as Bruno does, which judges it by Bruno's own schema. Prints how many requests it has.
const { readFileSync } = require("node:fs");
const { postmanToBruno } = require("@usebruno/converters");

const count = (items) => items.reduce((sum, item) => sum + (item.items ? count(item.items) : 1), 0);

postmanToBruno(JSON.parse(readFileSync(process.argv[2], "utf8"))).then((made) => {
  const { items } = made.collection ?? made;
  console.log(count(items));
});
