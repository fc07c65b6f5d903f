package awslambda

import (
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
)

// TestRequests is what goes over the wire, call by call.
func TestRequests(t *testing.T) {
	const path = "/2019-09-25/functions/orders/event-invoke-config"
	reader := func(f func(*Reader) error) func(*Conn) error {
		return func(l *Conn) error { return f(NewReader(l)) }
	}
	writer := func(f func(*Writer) error) func(*Conn) error {
		return func(l *Conn) error { return f(NewWriter(l)) }
	}
	tests := []struct {
		why    string
		send   func(*Conn) error
		answer string
		want   [3]string // method, path and query, body
	}{
		{"a page of 50 by the plain name", reader(func(r *Reader) error { _, err := r.ListConfigs(t.Context(), "orders", ""); return err }),
			`{"FunctionEventInvokeConfigs":[]}`, [3]string{"GET", path + "/list?MaxItems=50", ""}},
		{"the next page", reader(func(r *Reader) error { _, err := r.ListConfigs(t.Context(), "orders", "a b/"); return err }),
			`{"FunctionEventInvokeConfigs":[]}`, [3]string{"GET", path + "/list?Marker=a%20b%2F&MaxItems=50", ""}},
		{"all aliases at once", reader(func(r *Reader) error { _, err := r.ListAliases(t.Context(), "orders", ""); return err }),
			`{"Aliases":[]}`, [3]string{"GET", "/2015-03-31/functions/orders/aliases?MaxItems=10000", ""}},
		{"versions", reader(func(r *Reader) error { _, err := r.ListVersions(t.Context(), "orders", "m"); return err }),
			`{"Versions":[]}`, [3]string{"GET", "/2015-03-31/functions/orders/versions?Marker=m&MaxItems=50", ""}},
		{"functions", reader(func(r *Reader) error { _, err := r.ListFunctions(t.Context(), "m"); return err }),
			`{"Functions":[]}`, [3]string{"GET", "/2015-03-31/functions?Marker=m&MaxItems=50", ""}},
		{"Put sends what is managed, and clears by an empty string", writer(func(w *Writer) error {
			_, err := w.Put(t.Context(), live, desired.Config{
				desired.MaximumRetryAttempts: desired.Number(0), desired.MaximumEventAgeInSeconds: desired.Number(60),
				desired.OnSuccess: desired.NoDestination, desired.OnFailure: desired.Text(queue)})
			return err
		}), recordOf(live), [3]string{"PUT", path + "?Qualifier=live",
			`{"DestinationConfig":{"OnFailure":{"Destination":"` + queue + `"},"OnSuccess":{"Destination":""}},"MaximumEventAgeInSeconds":60,"MaximumRetryAttempts":0}`}},
		{"Update leaves out the side that is not managed", writer(func(w *Writer) error {
			_, err := w.Update(t.Context(), live, desired.Config{desired.OnFailure: desired.NoDestination})
			return err
		}), recordOf(live), [3]string{"POST", path + "?Qualifier=live", `{"DestinationConfig":{"OnFailure":{"Destination":""}}}`}},
		{"Update without destinations has no DestinationConfig; $LATEST needs no qualifier", writer(func(w *Writer) error {
			_, err := w.Update(t.Context(), orders, desired.Config{desired.MaximumRetryAttempts: desired.Number(2)})
			return err
		}), recordOf(orders), [3]string{"POST", path, `{"MaximumRetryAttempts":2}`}},
		{"Delete", writer(func(w *Writer) error { return w.Delete(t.Context(), live) }),
			"", [3]string{"DELETE", path + "?Qualifier=live", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			var got [3]string
			err := tt.send(connTo(t, canned(func(r *http.Request) (*http.Response, error) {
				var body []byte
				if r.Body != nil {
					body, _ = io.ReadAll(r.Body)
				}
				got = [3]string{r.Method, r.URL.RequestURI(), string(body)}
				return answer(r, 200, tt.answer), nil
			})))
			if d := cmp.Diff(tt.want, got); d != "" || err != nil {
				t.Errorf("%v\n%s", err, d)
			}
		})
	}
}
