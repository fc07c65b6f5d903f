package main

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// stall stands before a script's world and holds up one write, so that a script
// can look at a run in the middle of its work, or end it there. However long the script
// takes: where the sender gives up and tries again, that is held up as well.
type stall struct {
	world http.Handler

	mu      sync.Mutex
	skip    int           // writes to let through before; 0: none is to be held up
	subject string        // what is held up: method and path
	waiting chan struct{} // closed when the write is there
	resume  chan struct{} // closed by release
	release func()
}

func (s *stall) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// With its body read, the end of the sender ends the request's context.
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if resume := s.held(r); resume != nil {
		select {
		case <-resume:
		case <-r.Context().Done():
			return
		}
	}
	s.world.ServeHTTP(w, r)
}

// held tells what a request waits for; nil is nothing.
func (s *stall) held(r *http.Request) (resume chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	subject := r.Method + " " + r.URL.Path
	switch {
	case subject == s.subject:
		return s.resume
	case r.Method == http.MethodGet || !strings.Contains(r.URL.Path, "/event-invoke-config") || s.skip == 0:
		return nil
	}
	if s.skip--; s.skip > 0 {
		return nil
	}
	s.subject = subject
	close(s.waiting)
	return s.resume
}

// stall N holds up the Nth write from now on.
func (w *worldTable) stall(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	s := w.stallOf(ts)
	s.mu.Lock()
	defer s.mu.Unlock()
	resume := make(chan struct{})
	s.skip, s.subject, s.waiting, s.resume = n, "", make(chan struct{}), resume
	s.release = sync.OnceFunc(func() { close(resume) })
	ts.Defer(s.release) // a script that failed must not hang
}

// stalled waits until the write is there.
func (w *worldTable) stalled(ts *testscript.TestScript, _ bool, _ []string) {
	select {
	case <-w.stallOf(ts).waiting:
	case <-time.After(time.Minute):
		ts.Fatalf("no write came within a minute")
	}
}

// resume lets the write go.
func (w *worldTable) resume(ts *testscript.TestScript, _ bool, _ []string) {
	w.stallOf(ts).release()
}

func (w *worldTable) stallOf(ts *testscript.TestScript) *stall {
	w.get(ts) // fails without a world
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stalls[ts]
}
