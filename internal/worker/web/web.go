// Package web lets people and probes look at a worker over HTTP, and ask it for
// a pass.
//
// In come requests and the worker's State. Out go:
//
//	GET  /          a status page for people, which follows what happens
//	GET  /events    what changes on it, as server-sent events
//	GET  /runs/RUN  the report of one of the last passes
//	GET  /healthz   200 while the worker lives, or 503 with the reasons to restart it
//	GET  /readyz    200, or 503 with the reasons not to rely on it
//	GET  /metrics   what the given handler serves
//	POST /reconcile a sweep: from this machine, or with the bearer token
//
// The handler is a value of its own: nothing is registered in a global mux, and
// whoever serves it chooses the address. It never starts a pass itself; it wakes
// the worker, which merges wakes, so a flood of requests costs one pass at a time.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/worker"
)

// Options are what a handler is made of.
type Options struct {
	State   func() worker.State
	Wake    func(worker.Wake)
	Metrics http.Handler // nil: no /metrics
	Token   string       // for POST /reconcile from elsewhere; "" allows only this machine
	Version string       // of the program, for the status page
	Applies bool         // the worker corrects drift, and does not only observe; for the status page
	Board   *Board       // what else the status page tells; may be nil
	// Done ends the streams of the pages that follow, which would hold up a server that
	// shuts down. Nil never does.
	Done <-chan struct{}

	followers chan struct{} // holds one element for each
}

// NewHandler makes the handler.
func NewHandler(o Options) http.Handler {
	o.followers = make(chan struct{}, maxFollowers)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { o.writePage(w) })
	mux.HandleFunc("GET /events", o.follow)
	mux.HandleFunc("GET /runs/{run}", o.writeReport)
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/svg+xml")
		io.WriteString(w, icon)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		tell(w, "ok", o.State().Unhealthy(time.Now()), nil)
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		state := o.State()
		reasons := state.Unready(time.Now())
		tell(w, "ready", reasons, state.Notes(reasons...))
	})
	mux.HandleFunc("POST /reconcile", o.reconcile)
	if o.Metrics != nil {
		mux.Handle("GET /metrics", o.Metrics)
	}
	// Browsers are kept from guessing types, framing the page, and storing what is out of date
	// a second later.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}

// asPage is for a document; no page may frame it, which a document cannot say itself.
func asPage(w http.ResponseWriter, policy string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", policy+"frame-ancestors 'none'")
}

// writeReport sends a report as it is kept. It names its own policy.
func (o *Options) writeReport(w http.ResponseWriter, r *http.Request) {
	var packed []byte
	if o.Board != nil {
		packed = o.Board.report(r.PathValue("run"))
	}
	if packed == nil {
		say(w, http.StatusNotFound, "there is no report of this run here; a worker keeps those of its last passes")
		return
	}
	asPage(w, "")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(packed)
		return
	}
	if plain, err := gzip.NewReader(bytes.NewReader(packed)); err == nil {
		io.Copy(w, plain)
	}
}

// tell answers a probe: good, or every reason why not in a line of its own, and
// besides what somebody should know all the same.
func tell(w http.ResponseWriter, good string, reasons, notes []string) {
	if len(reasons) == 0 {
		say(w, http.StatusOK, strings.Join(append([]string{good}, notes...), "\n"))
		return
	}
	say(w, http.StatusServiceUnavailable, strings.Join(append(reasons, notes...), "\n"))
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}

// reconcile asks for a sweep, for whoever is on this machine or bears the token.
func (o *Options) reconcile(w http.ResponseWriter, r *http.Request) {
	switch offered, ok := bearer(r); {
	case ok && (o.Token == "" || !same(offered, o.Token)):
		// A wrong token is refused from this machine as well, so that a mistake
		// shows before the caller moves elsewhere.
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		say(w, http.StatusUnauthorized, "the token is not the worker's")
	case !ok && !local(r):
		w.Header().Set("WWW-Authenticate", "Bearer")
		say(w, http.StatusUnauthorized, "send the worker's token as Authorization: Bearer TOKEN; or ask from the same machine, by its loopback address")
	default:
		o.Wake(worker.Wake{Cause: worker.Request})
		say(w, http.StatusAccepted, "a sweep is asked for")
	}
}

func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

// same takes the same time wherever two tokens differ, and whatever their lengths.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// local reports whether a request was made on this machine by a program: both ends
// of the connection and the host that was asked for are loopback. A request that a
// proxy passed on comes from a local address without being local: most proxies keep
// the host or say that they forward, and those that do neither speak HTTP/1.0. A page
// in a browser on this machine may be anybody's: its requests carry an origin, or a
// host name that was made to point here.
func local(r *http.Request) bool {
	if !loopback(r.RemoteAddr) || !loopback(r.Host) || !r.ProtoAtLeast(1, 1) {
		return false
	}
	if here, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && !loopback(here.String()) {
		return false
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via", "Origin", "Sec-Fetch-Site"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	return true
}

func loopback(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}

const (
	// maxFollowers is how many pages may be followed at a time: each costs a look a second.
	maxFollowers = 16
	// followEvery is how often a page is told what has changed.
	followEvery = time.Second
	// heartbeat is how often it is told something in any case, so that both ends and
	// those between them know that the other is there.
	heartbeat = 15 * time.Second
	// writeTime is how long a page may take to read what it is told.
	writeTime = 10 * time.Second
)

// follow tells one page what changes, as server-sent events, until it goes away or
// the worker ends. It runs in the goroutine of its request and starts none.
func (o *Options) follow(w http.ResponseWriter, r *http.Request) {
	select {
	case o.followers <- struct{}{}:
		defer func() { <-o.followers }()
	default:
		w.Header().Set("Retry-After", "30")
		say(w, http.StatusServiceUnavailable, fmt.Sprintf("%d pages are followed already, and no more can be", maxFollowers))
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // the request has been read, and nothing more comes
	send := func(text string) bool {
		_ = out.SetWriteDeadline(time.Now().Add(writeTime)) // a writer without deadlines has none to miss
		_, err := io.WriteString(w, text)
		return err == nil && out.Flush() == nil
	}
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	var told map[string]string
	var last time.Time
	for {
		now := time.Now()
		s := o.look(now)
		news := maps.Clone(s.live)
		maps.DeleteFunc(news, func(name, text string) bool { return told != nil && told[name] == text })
		for name := range told {
			if _, still := s.live[name]; !still {
				news[name] = ""
			}
		}
		news["shape"] = s.shape
		text := ":\n\n"
		changed := told == nil || len(news) > 1 || told["shape"] != s.shape
		if changed {
			encoded, _ := json.Marshal(news) // of texts alone
			text = "data: " + string(encoded) + "\n\n"
		}
		if changed || now.Sub(last) >= heartbeat {
			if !send(text) {
				return
			}
			last = now
		}
		told = s.live
		told["shape"] = s.shape
		select {
		case <-r.Context().Done():
			return
		case <-o.Done:
			send("event: bye\ndata: the worker ends\n\n")
			return
		case <-ticker.C:
		}
	}
}
