package fswait

import (
	"context"
	"errors"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"
)

// TestDoWaitsNoLonger: what f gives on time is given as it is, and what comes later
// is never seen: whoever gave up goes on while f is still at work. The race detector tells where the
// two meet.
func TestDoWaitsNoLonger(t *testing.T) {
	interrupted := errors.New("interrupted")
	for _, row := range []struct {
		why      string
		takes    time.Duration // f, in virtual time
		fails    error
		deadline time.Duration // of ctx; 0: there is no ctx
		want     error
		waited   time.Duration
	}{
		{"on time", time.Second, nil, 0, nil, time.Second},
		{"on time, and an error", time.Second, fs.ErrNotExist, 0, fs.ErrNotExist, time.Second},
		{"just on time", Timeout - 1, nil, 2 * Timeout, nil, Timeout - 1},
		{"too late", Timeout + 1, nil, 0, errNoEnd, Timeout},
		{"too late, for a longer context", time.Hour, nil, 2 * Timeout, errNoEnd, Timeout},
		{"the context ends before", time.Hour, fs.ErrNotExist, time.Second, interrupted, time.Second},
		{"the context ended before it began", time.Second, nil, -1, interrupted, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			var ctx context.Context
			if row.deadline != 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeoutCause(t.Context(), row.deadline, interrupted)
				defer cancel()
			}
			began, ended := time.Now(), false
			value, err := Do(ctx, func() ([]string, error) {
				time.Sleep(row.takes)
				ended = true
				return []string{"late"}, row.fails
			})
			if waited := time.Since(began); !errors.Is(err, row.want) || waited != row.waited {
				t.Errorf("%s: %v after %s, want %v after %s", row.why, err, waited, row.want, row.waited)
			}
			onTime := row.takes == row.waited
			if onTime != (len(value) == 1) {
				t.Errorf("%s: %q was given", row.why, value)
			}
			// In virtual time: f ends by itself.
			time.Sleep(2 * time.Hour)
			synctest.Wait()
			if !ended {
				t.Errorf("%s: what reads was not left to end by itself", row.why)
			}
		})
	}
}
