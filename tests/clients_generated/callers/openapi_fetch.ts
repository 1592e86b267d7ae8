// openapi-fetch with the types that openapi-typescript made, against a live server. Prints each call that held.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { paths } from "./schema";

const { BASE_URL, KEY, NARROW_KEY, SLOW_KEY } = process.env as Record<string, string>;
const held = (call: string) => console.log(call);
const use = (key: string) => createClient<paths>({ baseUrl: BASE_URL, headers: { Authorization: `Bearer ${key}` } });

async function main() {
  const api = use(KEY);
  assert.equal((await api.GET("/v1/whoami")).data!.mode, "test");
  held("whoami");

  const ada = (await api.POST("/v1/customers", { body: { name: "Ada", phone: "+493012345678" } })).data!;
  held("customer created");
  const at = { path: { id: ada.id } };
  const changed = (await api.PATCH("/v1/customers/{id}", { params: at, body: { phone: null, name: "Ada King" } })).data!;
  assert.deepEqual([changed.phone, changed.name], [null, "Ada King"]);
  held("customer changed, null clears");
  await api.POST("/v1/customers", { body: { name: "Grace" } });
  const first = (await api.GET("/v1/customers", { params: { query: { limit: 1 } } })).data!;
  const query = { limit: 1, starting_after: first.next_cursor! };
  assert.equal((await api.GET("/v1/customers", { params: { query } })).data!.data[0].id, ada.id);
  held("customers listed, page by page");

  const lines = [{ description: "Work", quantity: 1, unit_amount: 5_000_000_000 }];
  const invoice = (await api.POST("/v1/invoices", { body: { customer: ada.id, currency: "EUR", lines } })).data!;
  assert.equal(invoice.subtotal, 5_000_000_000);
  held("invoice above 2^31");
  const body = { amount: 4200, currency: "EUR", payment_method: "card_success" } as const;
  assert.equal((await api.POST("/v1/charges", { body })).data!.amount, 4200);
  held("charge");
  const pdf = await api.GET("/v1/invoices/{id}/pdf", { params: { path: { id: invoice.id } }, parseAs: "arrayBuffer" });
  assert.equal(Buffer.from(pdf.data!).subarray(0, 5).toString(), "%PDF-");
  held("PDF as bytes");
  const email = { channel: "email" as const, to: ["delivered@test.pomelo.dev"], subject: "Hello", text: "Hi" };
  assert.equal((await api.POST("/v1/messages", { body: email })).data!.channel, "email");
  held("email");
  const sms = { channel: "sms" as const, to: ["+15005550006"], text: "Hi" };
  assert.equal((await api.POST("/v1/messages", { body: sms })).data!.channel, "sms");
  held("SMS");
  const hook = { url: "https://example.com/hook", events: ["customer.*" as const] };
  assert.match((await api.POST("/v1/webhook_endpoints", { body: hook })).data!.secret, /^whsec_/);
  held("webhook endpoint");
  const gone = (await api.POST("/v1/customers", { body: { name: "Gone" } })).data!;
  const deleted = await api.DELETE("/v1/customers/{id}", { params: { path: { id: gone.id } } });
  assert.equal(deleted.response.status, 204);
  held("customer deleted");

  const refused = await use(NARROW_KEY).POST("/v1/customers", { body: { name: "No" } });
  assert.equal(refused.error!.error.code, "insufficient_scope");
  held("403 typed");
  const slow = use(SLOW_KEY);
  let limited = await slow.GET("/v1/whoami");
  for (let turn = 0; turn < 20 && limited.response.status !== 429; turn++) limited = await slow.GET("/v1/whoami");
  assert.equal(limited.error!.error.code, "rate_limited");
  held("429 typed");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
