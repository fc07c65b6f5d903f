package awslambda

import (
	"strings"
	"testing"

	"github.com/eventinvoke/eventinvoke/desired"
)

// FuzzAnswer: no body makes a call panic, and a record that is accepted is one
// that Lambda could hold.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		``, `null`, `[]`, `{}`, recordOf(orders), `{"FunctionEventInvokeConfigs":[` + recordOf(live) + `],"NextMarker":"m"}`,
		`{"FunctionEventInvokeConfigs":[null,{}]}`, `{"Aliases":[{"Name":"a"}]}`, `{"Functions":[null],"Versions":[{}]}`,
		`{"ResourceTagMappingList":[{"ResourceARN":"arn:aws:lambda:us-east-1:111111111111:function:f","Tags":[null]}]}`,
	} {
		f.Add([]byte(seed), 200)
		f.Add([]byte(seed), 400)
	}
	ops := append(readOperations.names(), writeOperations.names()...)
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		if status < 200 || status > 599 {
			status = 200
		}
		conn := connTo(t, saying(status, string(body)))
		for _, op := range ops {
			if err := operate(t.Context(), conn, op, orders); err != nil && strings.Contains(err.Error(), "deserialization") {
				t.Errorf("%s: %v", op, err)
			}
		}
		page, err := NewReader(conn).ListConfigs(t.Context(), "orders", "")
		for _, r := range page.Items {
			for _, s := range desired.AllSettings() {
				if s.Check(r.Settings[s]) != nil || r.Qualifier == "" || err != nil {
					t.Errorf("accepted %+v with %v", r, err)
				}
			}
		}
	})
}
