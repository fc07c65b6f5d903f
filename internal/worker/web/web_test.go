package web

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

func handler(t *testing.T, state worker.State, token string) (http.Handler, *[]worker.Wake) {
	t.Helper()
	var err error
	if state.Timetable, err = worker.Every(time.Hour); err != nil {
		t.Fatal(err)
	}
	wakes := &[]worker.Wake{}
	return NewHandler(Options{
		State:   func() worker.State { return state },
		Wake:    func(w worker.Wake) { *wakes = append(*wakes, w) },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "metrics") }),
		Token:   token, Version: "1.2.3",
	}), wakes
}

func ask(h http.Handler, method, path string, change func(*http.Request)) *http.Response {
	r := httptest.NewRequest(method, "http://127.0.0.1:8080"+path, nil)
	r.RemoteAddr = "127.0.0.1:40000"
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWhatEachPathAnswers(t *testing.T) {
	fresh := worker.State{LastSuccess: time.Now()}
	for _, tt := range []struct {
		why, method, path string
		state             worker.State
		status            int
		says              string
	}{
		{"alive even when not ready", "GET", "/healthz", worker.State{}, 200, "ok"},
		{"ready", "GET", "/readyz", fresh, 200, "ready"},
		{"alive, with a pass that is stuck", "GET", "/healthz", worker.State{Stalled: time.Now().Add(-time.Hour)}, 503, "no sign of life"},
		{"ready, and what is wrong all the same", "GET", "/readyz", worker.State{LastSuccess: time.Now(), Problems: []string{"queue: no such queue"}}, 200, "ready\nqueue: no such queue"},
		{"the page tells of it too", "GET", "/", worker.State{LastSuccess: time.Now(), Refused: true}, 200, "the guard refused the last sweep"},
		{"what is wrong is told once", "GET", "/readyz", worker.State{LastSuccess: time.Now().Add(-4 * time.Hour), LastError: "no credentials", Problems: []string{"queue: no such queue"}}, 503, "no credentials\nqueue: no such queue\n"},
		{"not ready, and why", "GET", "/readyz", worker.State{LastError: "no credentials"}, 503, "no credentials"},
		{"metrics", "GET", "/metrics", fresh, 200, "metrics"},
		{"the page", "GET", "/", fresh, 200, `<span class="badge good">ready</span>`},
		{"the page says that nothing is written", "GET", "/", fresh, 200, "is only observed: nothing is written"},
		{"the page when not ready", "GET", "/", worker.State{LastError: "no credentials"}, 200, "no credentials"},
		{"nothing else", "GET", "/other", fresh, 404, ""},
		{"a link must not start a pass", "GET", "/reconcile", fresh, 405, ""},
		{"a probe may ask for the head alone", "HEAD", "/readyz", fresh, 200, ""},
	} {
		h, wakes := handler(t, tt.state, "")
		r := ask(h, tt.method, tt.path, nil)
		if got := body(t, r); r.StatusCode != tt.status || !strings.Contains(got, tt.says) {
			t.Errorf("%s: %s %s answers %d %q, want %d with %q", tt.why, tt.method, tt.path, r.StatusCode, got, tt.status, tt.says)
		}
		if r.Header.Get("X-Content-Type-Options") != "nosniff" || r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers are %v", tt.why, r.Header)
		}
		if len(*wakes) != 0 {
			t.Errorf("%s: the worker was woken", tt.why)
		}
	}
}

func TestWhoMayAskForAPass(t *testing.T) {
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	from := func(addr string) func(*http.Request) { return func(r *http.Request) { r.RemoteAddr = addr } }
	away := "192.0.2.7:40000"
	for _, tt := range []struct {
		why    string
		token  string
		change func(*http.Request)
		ok     bool
	}{
		{why: "this machine", ok: true},
		{why: "this machine, though a token is set", token: "secret", ok: true},
		{why: "this machine with the token", token: "secret", change: header("Authorization", "Bearer secret"), ok: true},
		{why: "this machine by IPv6", change: from("[::1]:40000"), ok: true},
		{why: "this machine by its name", change: func(r *http.Request) { r.Host = "localhost:8080" }, ok: true},
		{why: "another machine", change: from(away)},
		{why: "another machine when no token is set, with an empty one", change: func(r *http.Request) { r.RemoteAddr = away; r.Header.Set("Authorization", "Bearer ") }},
		{why: "another machine with the token", token: "secret", change: func(r *http.Request) { r.RemoteAddr = away; r.Header.Set("Authorization", "bearer secret") }, ok: true},
		{why: "another machine with half the token", token: "secret", change: func(r *http.Request) { r.RemoteAddr = away; r.Header.Set("Authorization", "Bearer sec") }},
		{why: "a wrong token from this machine", token: "secret", change: header("Authorization", "Bearer x")},
		{why: "a proxy on this machine", change: header("X-Forwarded-For", "192.0.2.7")},
		{why: "a proxy of the newer kind", change: header("Forwarded", "for=192.0.2.7")},
		{why: "somebody's page in a browser here", change: header("Origin", "https://example.com")},
		{why: "a browser that sends no origin", change: header("Sec-Fetch-Site", "cross-site")},
		{why: "a name that was made to point here", change: func(r *http.Request) { r.Host = "evil.example.com:8080" }},
		{why: "a proxy that says nothing and names the backend, as nginx does unless told otherwise", change: func(r *http.Request) { r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.0", 1, 0 }},
		{why: "a connection to another address of this machine", change: func(r *http.Request) {
			*r = *r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 8080}))
		}},
		{why: "no address", change: from("@")},
	} {
		h, wakes := handler(t, worker.State{}, tt.token)
		r := ask(h, "POST", "/reconcile", tt.change)
		switch {
		case tt.ok && (r.StatusCode != http.StatusAccepted || len(*wakes) != 1 || (*wakes)[0].Cause != worker.Request):
			t.Errorf("%s: answers %d and %d wakes, want 202 and one by request", tt.why, r.StatusCode, len(*wakes))
		case !tt.ok && (r.StatusCode != http.StatusUnauthorized || len(*wakes) != 0 || r.Header.Get("WWW-Authenticate") == ""):
			t.Errorf("%s: answers %d and %d wakes, want 401, a challenge and none", tt.why, r.StatusCode, len(*wakes))
		}
	}
}

func TestThePageEscapesWhatItShows(t *testing.T) {
	const attack = `<script>alert("x")</script>`
	h, _ := handler(t, worker.State{LastError: attack, FleetProblem: attack, Fought: []insight.Fight{
		{Key: desired.Key{Name: desired.Name{Function: "orders", Qualifier: "live"}}, Author: insight.Author{Name: attack, Kind: "user"}, Times: 3},
	}}, "")
	r := ask(h, "GET", "/", nil)
	got := body(t, r)
	if strings.Count(got, "<script") != 1 || strings.Count(got, "&lt;script&gt;") < 3 {
		t.Errorf("the page does not escape:\n%s", got)
	}
	if !strings.Contains(got, "orders:live") || !strings.HasPrefix(r.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("the page lacks the fought-over config, or its policy: %v", r.Header)
	}
}

func TestThePageSaysThatDriftIsCorrected(t *testing.T) {
	h := NewHandler(Options{State: func() worker.State { return worker.State{} }, Applies: true})
	if got := body(t, ask(h, "GET", "/", nil)); !strings.Contains(got, "is corrected") || strings.Contains(got, "only observed") {
		t.Errorf("the page says\n%s", got)
	}
}

func TestAgo(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		why  string
		t    time.Time
		want string
	}{
		{"it has not happened", time.Time{}, "none yet"},
		{"past", now.Add(-59 * time.Second), "59 s ago"},
		{"a while ago nobody counts seconds", now.Add(-119 * time.Second), "1 min ago"},
		{"nor minutes", now.Add(-3 * time.Hour), "3 h ago"},
		{"nor hours", now.Add(-75 * time.Hour), "3 days ago"},
		{"to come, from another zone", now.Add(time.Hour).In(time.FixedZone("", 7200)), "in 60 min"},
		{"this very second", now.Add(-100 * time.Millisecond), "now"},
	} {
		if got := ago(tt.t, now); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.why, got, tt.want)
		}
	}
}

func TestWithoutMetricsThereIsNoPath(t *testing.T) {
	h := NewHandler(Options{State: func() worker.State { return worker.State{} }})
	if r := ask(h, "GET", "/metrics", nil); r.StatusCode != http.StatusNotFound {
		t.Errorf("/metrics answers %d", r.StatusCode)
	}
}
