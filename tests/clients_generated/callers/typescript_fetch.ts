// The TypeScript client that openapi-generator made, against a live server. Prints each call that held.
import assert from "node:assert/strict";
import * as made from "./client";

const { BASE_URL, KEY, NARROW_KEY, SLOW_KEY } = process.env as Record<string, string>;
const held = (call: string) => console.log(call);
const use = (key: string) => new made.Configuration({ basePath: BASE_URL, accessToken: key });

async function refusal(call: () => Promise<unknown>): Promise<[number, made.Problem]> {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof made.ResponseError)) throw error;
    return [error.response.status, made.ProblemFromJSON(await error.response.json())];
  }
  throw new Error("not refused");
}

async function main() {
  const key = use(KEY);
  const [customers, invoices, messages] = [new made.CustomersApi(key), new made.InvoicesApi(key), new made.MessagesApi(key)];
  assert.equal((await new made.WhoamiApi(key).whoami()).mode, "test");
  held("whoami");

  const ada = await customers.createCustomer({ customerInput: { name: "Ada", phone: "+493012345678" } });
  held("customer created");
  const changed = await customers.updateCustomer({ id: ada.id, patchedCustomerInput: { phone: null, name: "Ada King" } });
  assert.deepEqual([changed.phone, changed.name], [null, "Ada King"]);
  held("customer changed, null clears");
  await customers.createCustomer({ customerInput: { name: "Grace" } });
  const first = await customers.listCustomers({ limit: 1 });
  const second = await customers.listCustomers({ limit: 1, startingAfter: first.nextCursor! });
  assert.equal(second.data[0].id, ada.id);
  held("customers listed, page by page");

  const lines = [{ description: "Work", quantity: 1, unitAmount: 5_000_000_000 }];
  const invoice = await invoices.createInvoice({ invoiceInput: { customer: ada.id, currency: "EUR", lines } });
  assert.equal(invoice.subtotal, 5_000_000_000);
  held("invoice above 2^31");
  const order = { amount: 4200, currency: "EUR" as const, paymentMethod: "card_success" };
  assert.equal((await new made.ChargesApi(key).createCharge({ chargeInput: order })).amount, 4200);
  held("charge");
  const pdf = await invoices.downloadInvoicePdf({ id: invoice.id });
  assert.equal((await (pdf as unknown as Blob).text()).slice(0, 5), "%PDF-");
  held("PDF as bytes");
  const email = { channel: "email" as const, to: ["delivered@test.pomelo.dev"], subject: "Hello", text: "Hi" };
  assert.equal((await messages.createMessage({ messageInput: email })).channel, "email");
  held("email");
  const sms = { channel: "sms" as const, to: ["+15005550006"], text: "Hi" };
  assert.equal((await messages.createMessage({ messageInput: sms })).channel, "sms");
  held("SMS");
  const hook = { url: "https://example.com/hook", events: ["customer.*" as const] };
  const endpoint = await new made.WebhookEndpointsApi(key).createWebhookEndpoint({ webhookEndpointInput: hook });
  assert.match(endpoint.secret, /^whsec_/);
  held("webhook endpoint");
  const gone = await customers.createCustomer({ customerInput: { name: "Gone" } });
  assert.equal((await customers.deleteCustomerRaw({ id: gone.id })).raw.status, 204);
  held("customer deleted");

  const [status, problem] = await refusal(() =>
    new made.CustomersApi(use(NARROW_KEY)).createCustomer({ customerInput: { name: "No" } }),
  );
  assert.deepEqual([status, problem.error.code], [403, "insufficient_scope"]);
  held("403 typed");
  const slow = new made.WhoamiApi(use(SLOW_KEY));
  const [late, limited] = await refusal(async () => {
    for (let turn = 0; turn < 20; turn++) await slow.whoami();
  });
  assert.deepEqual([late, limited.error.code], [429, "rate_limited"]);
  held("429 typed");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
