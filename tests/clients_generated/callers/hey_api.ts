// The client that @hey-api/openapi-ts made, against a live server. Prints each call that held; throws at the first that did not.
import assert from "node:assert/strict";
import { client } from "./client/client.gen";
import * as api from "./client/sdk.gen";

const { BASE_URL, KEY, NARROW_KEY, SLOW_KEY } = process.env as Record<string, string>;
const held = (call: string) => console.log(call);
const use = (key: string) => client.setConfig({ baseUrl: BASE_URL, auth: (scheme) => (scheme.scheme === "bearer" ? key : undefined) });

async function main() {
  use(KEY);
  const who = await api.whoami({ throwOnError: true });
  assert.equal(who.data.mode, "test");
  held("whoami");

  const ada = (await api.createCustomer({ body: { name: "Ada", phone: "+493012345678" }, throwOnError: true })).data;
  held("customer created");
  const changed = await api.updateCustomer({ path: { id: ada.id }, body: { phone: null, name: "Ada King" }, throwOnError: true });
  assert.deepEqual([changed.data.phone, changed.data.name], [null, "Ada King"]);
  held("customer changed, null clears");
  await api.createCustomer({ body: { name: "Grace" }, throwOnError: true });
  const first = (await api.listCustomers({ query: { limit: 1 }, throwOnError: true })).data;
  const second = (await api.listCustomers({ query: { limit: 1, starting_after: first.next_cursor! }, throwOnError: true })).data;
  assert.equal(second.data[0].id, ada.id);
  held("customers listed, page by page");

  const lines = [{ description: "Work", quantity: 1, unit_amount: 5_000_000_000 }];
  const invoice = (await api.createInvoice({ body: { customer: ada.id, currency: "EUR", lines }, throwOnError: true })).data;
  assert.equal(invoice.subtotal, 5_000_000_000);
  held("invoice above 2^31");
  const charge = await api.createCharge({ body: { amount: 4200, currency: "EUR", payment_method: "card_success" }, throwOnError: true });
  assert.equal(charge.data.amount, 4200);
  held("charge");
  const pdf = (await api.downloadInvoicePdf({ path: { id: invoice.id }, parseAs: "blob", throwOnError: true })).data as Blob;
  assert.equal((await pdf.text()).slice(0, 5), "%PDF-");
  held("PDF as bytes");
  const email = { channel: "email" as const, to: ["delivered@test.pomelo.dev"], subject: "Hello", text: "Hi" };
  assert.equal((await api.createMessage({ body: email, throwOnError: true })).data.channel, "email");
  held("email");
  const sms = { channel: "sms" as const, to: ["+15005550006"], text: "Hi" };
  assert.equal((await api.createMessage({ body: sms, throwOnError: true })).data.channel, "sms");
  held("SMS");
  const hook = { url: "https://example.com/hook", events: ["customer.*" as const] };
  assert.match((await api.createWebhookEndpoint({ body: hook, throwOnError: true })).data.secret, /^whsec_/);
  held("webhook endpoint");
  const gone = (await api.createCustomer({ body: { name: "Gone" }, throwOnError: true })).data;
  assert.equal((await api.deleteCustomer({ path: { id: gone.id }, throwOnError: true })).response.status, 204);
  held("customer deleted");

  use(NARROW_KEY);
  const refused = await api.createCustomer({ body: { name: "No" } });
  assert.equal(refused.error!.error.code, "insufficient_scope");
  held("403 typed");
  use(SLOW_KEY);
  let limited = await api.whoami();
  for (let turn = 0; turn < 20 && limited.response!.status !== 429; turn++) limited = await api.whoami();
  assert.equal(limited.error!.error.code, "rate_limited");
  held("429 typed");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
