// The Java client that openapi-generator made, against a live server. Prints each call that held.

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.pomelo.ApiClient;
import dev.pomelo.ApiException;
import dev.pomelo.api.ChargesApi;
import dev.pomelo.api.CustomersApi;
import dev.pomelo.api.InvoicesApi;
import dev.pomelo.api.MessagesApi;
import dev.pomelo.api.WebhookEndpointsApi;
import dev.pomelo.api.WhoamiApi;
import dev.pomelo.model.ChargeInput;
import dev.pomelo.model.Currency;
import dev.pomelo.model.Customer;
import dev.pomelo.model.CustomerInput;
import dev.pomelo.model.CustomerList;
import dev.pomelo.model.EmailMessageInput;
import dev.pomelo.model.ErrorCode;
import dev.pomelo.model.EventPattern;
import dev.pomelo.model.Invoice;
import dev.pomelo.model.InvoiceInput;
import dev.pomelo.model.InvoiceLineInput;
import dev.pomelo.model.MessageChannel;
import dev.pomelo.model.MessageInput;
import dev.pomelo.model.Mode;
import dev.pomelo.model.PatchedCustomerInput;
import dev.pomelo.model.Problem;
import dev.pomelo.model.SmsMessageInput;
import dev.pomelo.model.WebhookEndpointInput;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.List;

public class OpenapiGenerator {
    /** Of a change null clears the field. The generator leaves null out, unless Jackson is told otherwise for the field. */
    abstract static class ClearsPhone {
        @JsonInclude(JsonInclude.Include.ALWAYS)
        abstract String getPhone();
    }

    interface Call {
        void make() throws ApiException;
    }

    static ApiClient use(String key) {
        ApiClient client = new ApiClient();
        client.updateBaseUri(System.getenv("BASE_URL"));
        client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + System.getenv(key)));
        return client;
    }

    static void check(String call, boolean holds) {
        if (!holds) {
            throw new AssertionError(call + ": not what was promised");
        }
        System.out.println(call);
    }

    static void refused(String call, ApiClient client, int status, ErrorCode code, Call made) throws Exception {
        try {
            made.make();
        } catch (ApiException refusal) {
            Problem problem = client.getObjectMapper().readValue(refusal.getResponseBody(), Problem.class);
            check(call, refusal.getCode() == status && problem.getError().getCode() == code);
            return;
        }
        throw new AssertionError(call + ": not refused");
    }

    static Customer create(ApiClient client, CustomerInput input) throws ApiException {
        return new CustomersApi(client).createCustomer(input, null, null);
    }

    static CustomerList page(ApiClient client, String after) throws ApiException {
        return new CustomersApi(client)
                .listCustomers(null, null, null, null, null, null, null, 1, after, null, null, null);
    }

    public static void main(String[] arguments) throws Exception {
        ApiClient client = use("KEY");
        client.setObjectMapper(client.getObjectMapper().addMixIn(PatchedCustomerInput.class, ClearsPhone.class));
        CustomersApi customers = new CustomersApi(client);
        check("whoami", new WhoamiApi(client).whoami(null).getMode() == Mode.TEST);

        Customer ada = create(client, new CustomerInput().name("Ada").phone("+493012345678"));
        check("customer created", ada.getName().equals("Ada") && ada.getPhone().equals("+493012345678"));
        var change = new PatchedCustomerInput().name("Ada King");
        Customer changed = customers.updateCustomer(ada.getId(), change, null, null, null);
        check("customer changed, null clears", changed.getPhone() == null && changed.getName().equals("Ada King"));
        create(client, new CustomerInput().name("Grace"));
        CustomerList second = page(client, page(client, null).getNextCursor());
        check("customers listed, page by page", second.getData().get(0).getId().equals(ada.getId()));

        InvoicesApi invoices = new InvoicesApi(client);
        var line = new InvoiceLineInput().description("Work").quantity(1.0).unitAmount(5_000_000_000L);
        var order = new InvoiceInput().customer(ada.getId()).currency(Currency.EUR).addLinesItem(line);
        Invoice invoice = invoices.createInvoice(order, null, null);
        check("invoice above 2^31", invoice.getSubtotal() == 5_000_000_000L);
        var payment = new ChargeInput().amount(4200L).currency(Currency.EUR).paymentMethod("card_success");
        check("charge", new ChargesApi(client).createCharge(payment, null, null).getAmount() == 4200);
        byte[] pdf = Files.readAllBytes(invoices.downloadInvoicePdf(invoice.getId(), null, null).toPath());
        check("PDF as bytes", new String(pdf, StandardCharsets.ISO_8859_1).startsWith("%PDF-"));

        MessagesApi messages = new MessagesApi(client);
        var email = new EmailMessageInput().channel(EmailMessageInput.ChannelEnum.EMAIL)
                .to(List.of("delivered@test.pomelo.dev")).subject("Hello").text("Hi");
        var sent = messages.createMessage(new MessageInput(email), null, null);
        check("email", sent.getChannel() == MessageChannel.EMAIL);
        var sms = new SmsMessageInput().channel(SmsMessageInput.ChannelEnum.SMS).to(List.of("+15005550006")).text("Hi");
        check("SMS", messages.createMessage(new MessageInput(sms), null, null).getChannel() == MessageChannel.SMS);
        var hook = new WebhookEndpointInput()
                .url(URI.create("https://example.com/hook")).addEventsItem(EventPattern.CUSTOMER_);
        var endpoint = new WebhookEndpointsApi(client).createWebhookEndpoint(hook, null, null);
        check("webhook endpoint", endpoint.getSecret().startsWith("whsec_"));
        Customer gone = create(client, new CustomerInput().name("Gone"));
        var deleted = customers.deleteCustomerWithHttpInfo(gone.getId(), null, null, null);
        check("customer deleted", deleted.getStatusCode() == 204);

        ApiClient narrow = use("NARROW_KEY");
        refused("403 typed", narrow, 403, ErrorCode.INSUFFICIENT_SCOPE, () -> create(narrow, new CustomerInput().name("No")));
        ApiClient slow = use("SLOW_KEY");
        refused("429 typed", slow, 429, ErrorCode.RATE_LIMITED, () -> {
            for (int turn = 0; turn < 20; turn++) {
                new WhoamiApi(slow).whoami(null);
            }
        });
    }
}
