package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealthURL(t *testing.T) {
	for _, test := range []struct{ why, listen, want, problem string }{
		{"the default", defaultListen, "http://127.0.0.1:8080/healthz", ""},
		{"every interface, as in a container", ":9090", "http://127.0.0.1:9090/healthz", ""},
		{"the same, spelt out", "0.0.0.0:9090", "http://127.0.0.1:9090/healthz", ""},
		{"every interface, IPv6", "[::]:9090", "http://[::1]:9090/healthz", ""},
		{"one interface", "10.0.0.7:80", "http://10.0.0.7:80/healthz", ""},
		{"a worker without pages", "", "", "--listen is empty"},
		{"no port", "localhost", "", "is not HOST:PORT"},
	} {
		got, err := healthURL(test.listen)
		if got != test.want || (err != nil) != (test.problem != "") || err != nil && !strings.Contains(err.Error(), test.problem) {
			t.Errorf("%s: %q, %v; want %q, %q", test.why, got, err, test.want, test.problem)
		}
	}
}

func TestHealthcheck(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			t.Errorf("it asks %s", r.URL.Path)
		}
		w.WriteHeader(status)
	}))
	address := strings.TrimPrefix(server.URL, "http://")
	// A proxy that does not exist: whoever asks it gets no answer.
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("EVENTINVOKE_LISTEN", address)
	if code, _, stderr := eventinvoke(t.Context(), "healthcheck"); code != exitOK {
		t.Errorf("a worker that is well: exit %d, %s", code, stderr)
	}
	status = http.StatusInternalServerError
	if code, _, stderr := eventinvoke(t.Context(), "healthcheck"); code != exitError || !strings.Contains(stderr, "500") {
		t.Errorf("a worker that answers 500: exit %d, %s", code, stderr)
	}
	server.Close()
	if code, _, stderr := eventinvoke(t.Context(), "healthcheck"); code != exitError || !strings.Contains(stderr, address) {
		t.Errorf("no worker: exit %d, %s", code, stderr)
	}
}
