// Package fswait gives what reads files an end: no call of a file system can be
// interrupted, and one over a network may never answer.
package fswait

import (
	"context"
	"fmt"
	"time"
)

// Timeout bounds the wait for a file or folder: whoever writes to a pipe may never end,
// and a file system over a network may never answer. A generator of a large fleet file takes
// seconds.
const Timeout = time.Minute

var errNoEnd = fmt.Errorf("it was not read to its end within %s: whoever writes there has not closed it, or its file system does not answer", Timeout)

// Do waits for f, which reads files, for a minute at most, and no longer than ctx, which
// may be nil, lasts. What ends the wait is the error; f itself is left to end by itself.
func Do[T any](ctx context.Context, f func() (T, error)) (T, error) {
	// No file system here can interrupt f: its goroutine ends with the file or the process.
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeoutCause(ctx, Timeout, errNoEnd)
	defer cancel()
	var value T
	done := make(chan error, 1) // with room, so that an f whose end nobody waits for ends all the same
	go func() {
		var err error
		value, err = f()
		done <- err
	}()
	select {
	case err := <-done:
		return value, err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}
