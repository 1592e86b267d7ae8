// The Go client that openapi-generator made, against a live server. Prints each call that held.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"

	"callers/pomelo"
)

func use(key string) (*pomelo.APIClient, context.Context) {
	configuration := pomelo.NewConfiguration()
	configuration.Servers = pomelo.ServerConfigurations{{URL: os.Getenv("BASE_URL")}}
	return pomelo.NewAPIClient(configuration), context.WithValue(context.Background(), pomelo.ContextAccessToken, os.Getenv(key))
}

func check(call string, err error, holds func() bool) {
	if err != nil {
		log.Fatal(call, ": ", err)
	}
	if !holds() {
		log.Fatal(call, ": not what was promised")
	}
	fmt.Println(call)
}

func codeOf(err error) pomelo.ErrorCode {
	var refusal *pomelo.GenericOpenAPIError
	if !errors.As(err, &refusal) {
		log.Fatal("not refused: ", err)
	}
	problem, typed := refusal.Model().(pomelo.Problem)
	if !typed {
		log.Fatalf("not typed: %T", refusal.Model())
	}
	return problem.Error.Code
}

func main() {
	api, ctx := use("KEY")
	who, _, err := api.WhoamiAPI.Whoami(ctx).Execute()
	check("whoami", err, func() bool { return who.Mode == pomelo.MODE_TEST })

	input := pomelo.NewCustomerInput("Ada")
	input.SetPhone("+493012345678")
	ada, _, err := api.CustomersAPI.CreateCustomer(ctx).CustomerInput(*input).Execute()
	check("customer created", err, func() bool { return ada.Name == "Ada" })
	change := pomelo.NewPatchedCustomerInput()
	change.SetPhoneNil()
	change.SetName("Ada King")
	changed, _, err := api.CustomersAPI.UpdateCustomer(ctx, ada.Id).PatchedCustomerInput(*change).Execute()
	check("customer changed, null clears", err, func() bool { return changed.Phone.Get() == nil && changed.Name == "Ada King" })
	_, _, err = api.CustomersAPI.CreateCustomer(ctx).CustomerInput(*pomelo.NewCustomerInput("Grace")).Execute()
	if err != nil {
		log.Fatal(err)
	}
	first, _, err := api.CustomersAPI.ListCustomers(ctx).Limit(1).Execute()
	if err != nil {
		log.Fatal(err)
	}
	second, _, err := api.CustomersAPI.ListCustomers(ctx).Limit(1).StartingAfter(*first.NextCursor.Get()).Execute()
	check("customers listed, page by page", err, func() bool { return second.Data[0].Id == ada.Id })

	order := pomelo.NewInvoiceInput(ada.Id, pomelo.CURRENCY_EUR)
	order.Lines = []pomelo.InvoiceLineInput{*pomelo.NewInvoiceLineInput("Work", 1, 5_000_000_000)}
	invoice, _, err := api.InvoicesAPI.CreateInvoice(ctx).InvoiceInput(*order).Execute()
	check("invoice above 2^31", err, func() bool { return invoice.Subtotal == 5_000_000_000 })
	payment := pomelo.NewChargeInput("card_success")
	payment.SetAmount(4200)
	payment.SetCurrency(pomelo.CURRENCY_EUR)
	charge, _, err := api.ChargesAPI.CreateCharge(ctx).ChargeInput(*payment).Execute()
	check("charge", err, func() bool { return charge.Amount == 4200 })
	pdf, _, err := api.InvoicesAPI.DownloadInvoicePdf(ctx, invoice.Id).Execute()
	check("PDF as bytes", err, func() bool {
		content, err := io.ReadAll(pdf)
		return err == nil && strings.HasPrefix(string(content), "%PDF-")
	})
	email := pomelo.NewEmailMessageInput("email")
	email.SetTo([]string{"delivered@test.pomelo.dev"})
	email.SetSubject("Hello")
	email.SetText("Hi")
	sent, _, err := api.MessagesAPI.CreateMessage(ctx).MessageInput(pomelo.EmailMessageInputAsMessageInput(email)).Execute()
	check("email", err, func() bool { return sent.Channel == pomelo.MESSAGECHANNEL_EMAIL })
	sms := pomelo.NewSmsMessageInput("sms")
	sms.SetTo([]string{"+15005550006"})
	sms.SetText("Hi")
	sent, _, err = api.MessagesAPI.CreateMessage(ctx).MessageInput(pomelo.SmsMessageInputAsMessageInput(sms)).Execute()
	check("SMS", err, func() bool { return sent.Channel == pomelo.MESSAGECHANNEL_SMS })
	hook := pomelo.NewWebhookEndpointInput("https://example.com/hook", []pomelo.EventPattern{"customer.*"})
	endpoint, _, err := api.WebhookEndpointsAPI.CreateWebhookEndpoint(ctx).WebhookEndpointInput(*hook).Execute()
	check("webhook endpoint", err, func() bool { return strings.HasPrefix(endpoint.Secret, "whsec_") })
	gone, _, err := api.CustomersAPI.CreateCustomer(ctx).CustomerInput(*pomelo.NewCustomerInput("Gone")).Execute()
	if err != nil {
		log.Fatal(err)
	}
	answer, err := api.CustomersAPI.DeleteCustomer(ctx, gone.Id).Execute()
	check("customer deleted", err, func() bool { return answer.StatusCode == http.StatusNoContent })

	narrow, ctx := use("NARROW_KEY")
	_, answer, err = narrow.CustomersAPI.CreateCustomer(ctx).CustomerInput(*pomelo.NewCustomerInput("No")).Execute()
	check("403 typed", nil, func() bool { return answer.StatusCode == 403 && codeOf(err) == pomelo.ERRORCODE_INSUFFICIENT_SCOPE })
	slow, ctx := use("SLOW_KEY")
	err = nil
	for turn := 0; turn < 20 && err == nil; turn++ {
		_, answer, err = slow.WhoamiAPI.Whoami(ctx).Execute()
	}
	check("429 typed", nil, func() bool { return answer.StatusCode == 429 && codeOf(err) == pomelo.ERRORCODE_RATE_LIMITED })
}
