package awssim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"
)

// Do answers a request without a socket, as an aws.HTTPClient would. A broken
// connection is an error of the kind that net/http gives. It starts no goroutine
// and keeps no connection, so it may be used in a testing/synctest bubble.
func (w *World) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	a, err := w.exchange(r.Context(), r)
	if err != nil {
		return nil, err
	}
	if a.fault == faultReset || a.fault == faultResetAfter {
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	}
	return a.respond(r), nil
}

// ServeHTTP answers on a socket. Resets, lost and truncated answers are real there.
func (w *World) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	a, err := w.exchange(r.Context(), r)
	if err != nil {
		panic(http.ErrAbortHandler) // the caller is gone, or sent half a request
	}
	switch a.fault {
	case faultReset, faultResetAfter:
		reset(rw)
		return
	case faultTruncate:
		a.writeHead(rw)
		rw.Write(a.body[:len(a.body)/2])
		http.NewResponseController(rw).Flush()
		panic(http.ErrAbortHandler)
	}
	a.writeHead(rw)
	rw.Write(a.body)
}

func (a *answer) writeHead(rw http.ResponseWriter) {
	maps.Copy(rw.Header(), a.header)
	if a.status != http.StatusNoContent {
		rw.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	rw.WriteHeader(a.status)
}

// reset closes the connection so that the other side sees a reset, not an end.
func reset(rw http.ResponseWriter) {
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2 resets the stream instead
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

// respond turns an answer into the response of a RoundTripper.
func (a *answer) respond(r *http.Request) *http.Response {
	res := &http.Response{
		Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Request: r,
		ContentLength: int64(len(a.body)), Body: io.NopCloser(bytes.NewReader(a.body)),
	}
	if a.fault == faultTruncate {
		res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(a.body[:len(a.body)/2]), broken{}))
	}
	return res
}

// broken is a body whose rest does not come.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// maxBody is more than any operation here reads.
const maxBody = 1 << 20

// lostFor is how long an answer that never comes is waited for when the caller
// has no deadline of its own.
const lostFor = 60 * time.Second

// exchange carries a request out and returns its answer. It waits only on
// timers and on ctx. Half of the latency passes before the call reaches the API;
// once it has, it is carried out even if the caller gives up, as AWS would.
func (w *World) exchange(ctx context.Context, r *http.Request) (*answer, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(io.LimitReader(r.Body, maxBody)); err != nil {
			return nil, fmt.Errorf("awssim: read the request body: %w", err)
		}
	}
	if err := pause(ctx, w.latency/2); err != nil {
		return nil, err
	}
	a, release := w.serve(r, body)
	err := pause(ctx, w.latency-w.latency/2)
	if release != nil {
		release()
	}
	if err != nil {
		return nil, err
	}
	if a.fault == faultLost {
		if err := pause(ctx, lostFor); err != nil {
			return nil, err
		}
		a.fault = faultReset
	}
	return a, nil
}

// pause waits for d, or less when ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
