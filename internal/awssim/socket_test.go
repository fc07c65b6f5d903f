package awssim_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// Over a socket the world answers as it does without one, down to the broken
// connections.
func TestSocket(t *testing.T) {
	w := newWorld(t, factsWorld())
	server := httptest.NewServer(w)
	defer server.Close()
	over := func(method, path, body string) (*http.Response, []byte, error) {
		t.Helper()
		r := by(t, w).request(method, path, body)
		r.URL.Host = server.Listener.Addr().String()
		res, err := server.Client().Do(r)
		if err != nil {
			return nil, nil, err
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		return res, b, err
	}
	res, body, err := over("PUT", path("f%3Alive", ""), both)
	if err != nil || res.StatusCode != 200 || lastModified.ReplaceAllString(string(body), `"LastModified":T`) != rec("f:live", "2", "60", topic, queue) {
		t.Errorf("put: %v %s", err, body)
	}
	res, body, err = over("DELETE", fLive, "")
	if err != nil || res.StatusCode != 204 || len(body) != 0 || len(res.Header["Content-Length"]) != 0 {
		t.Errorf("a 204 has no body and no length: %v %v %s", err, res.Header, body)
	}
	for _, row := range []struct {
		why    string
		faults awssim.Faults
		holds  error
	}{
		{"reset", awssim.Faults{Reset: 1}, syscall.ECONNRESET},
		{"truncate", awssim.Faults{Truncate: 1}, io.ErrUnexpectedEOF},
	} {
		if err := w.SetFaults(row.faults); err != nil {
			t.Fatal(err)
		}
		// POST is never repeated by net/http itself.
		if _, _, err := over("POST", f, both); !errors.Is(err, row.holds) {
			t.Errorf("%s: %v, want %v", row.why, err, row.holds)
		}
	}
}
