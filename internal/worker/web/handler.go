package web

import (
	"fmt"
	"net/http"
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
}

// NewHandler makes the handler.
func NewHandler(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { writePage(w, o.State(), &o, time.Now()) })
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if reasons := o.State().Unready(time.Now()); len(reasons) > 0 {
			say(w, http.StatusServiceUnavailable, strings.Join(reasons, "\n"))
			return
		}
		say(w, http.StatusOK, "ready")
	})
	mux.Handle("POST /reconcile", gate{o.Token, func(w http.ResponseWriter, _ *http.Request) {
		o.Wake(worker.Wake{Cause: worker.Request})
		say(w, http.StatusAccepted, "a pass over everything is asked for")
	}})
	if o.Metrics != nil {
		mux.Handle("GET /metrics", o.Metrics)
	}
	return plain{mux}
}

// plain keeps browsers from guessing types, framing the page, and storing what
// is out of date a second later.
type plain struct{ next http.Handler }

func (p plain) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	p.next.ServeHTTP(w, r)
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}
