package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestPrintEnvOfAPortThatIsTaken: a shell that evaluates what --print-env printed must not
// send credentials and writes to whatever happens to hold the port, such as another
// pretend AWS, whose port is the same.
func TestPrintEnvOfAPortThatIsTaken(t *testing.T) {
	sim, err := openWorld("")
	if err != nil {
		t.Fatal(err)
	}
	another := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"message":"not here"}`)) })
	for _, tt := range []struct {
		why     string
		handler http.Handler
		code    int
	}{{"the simulator itself", sim, 0}, {"another server", another, 1}} {
		server := httptest.NewServer(tt.handler)
		defer server.Close()
		address := strings.TrimPrefix(server.URL, "http://")
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"simulate", "--print-env", "--addr", address}, streams{in: strings.NewReader(""), out: &out, err: &errs})
		if printed := strings.Contains(out.String(), "AWS_ENDPOINT_URL=http://"+address+"\n"); code != tt.code || printed != (tt.code == 0) {
			t.Errorf("%s: code %d\n%s%s", tt.why, code, out.String(), errs.String())
		}
		if tt.code != 0 && !strings.Contains(errs.String(), "what listens on "+address+" is not the simulator") {
			t.Errorf("%s: %s", tt.why, errs.String())
		}
	}
}
