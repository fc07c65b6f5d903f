package reconcile

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
)

// slowJournal takes a second for each intent but those of fast, and gives up with its context.
type slowJournal struct {
	noJournal
	fast string // a function
}

func (j slowJournal) Intend(ctx context.Context, key desired.Key, _ *Change) error {
	if key.Function == j.fast {
		return nil
	}
	select {
	case <-time.After(time.Second):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// The end of one target's work ends the intents that it waits for. That is no
// failure of the journal, and no other target may stop for it.
func TestATargetThatStopsWhileItsIntentIsStoredStopsNoOther(t *testing.T) {
	lost := errors.New("the lease was lost")
	for _, row := range []struct {
		why     string
		loses   bool // the lease, while the intent is stored
		fails   bool // another write, one more than the error budget has
		stopped error
	}{
		{"its lease is lost", true, false, lost},
		{"its error budget is used up", false, true, ErrErrorBudget},
	} {
		synctest.Test(t, func(t *testing.T) {
			other := desired.Target{Account: "222222222222", Region: home.Region}
			f, g := newFake("a", "fast"), newFake("b")
			fleet := wants(entry("a", desired.Latest, retries(0)), entry("fast", desired.Latest, retries(0)))
			second := fleet.Targets[0]
			second.Target = other
			second.Entries = []desired.Entry{entry("b", desired.Latest, retries(0))}
			fleet.Targets = append(fleet.Targets, second)

			limiter := fastLimiter()
			defer limiter.Close()
			live := survey(t.Context(), fleet, map[desired.Target]readConn{home: {Reader: f, Limiter: limiter}, other: {Reader: g, Limiter: limiter}}, nil, false)
			fleet.Limits.MaxChanges, fleet.Limits.MaxErrors = desired.Limit{Number: 3}, desired.Limit{Number: 0}
			approved, err := Guard{Limits: fleet.Limits}.approve(NewPlan(fleet, live))
			if err != nil {
				t.Fatal(err)
			}
			if row.fails {
				f.fail = func(string, desired.Name, int) error {
					time.Sleep(time.Second / 2)
					return refusal(KindServer, "no")
				}
			}
			held, lose := context.WithCancelCause(t.Context())
			defer lose(nil)
			if row.loses {
				time.AfterFunc(time.Second/2, func() { lose(lost) })
			}
			out := apply(t.Context(), approved, map[desired.Target]writeConn{
				home:  {Writer: f, Limiter: limiter, LeaseContext: held},
				other: {Writer: g, Limiter: limiter},
			}, slowJournal{fast: "fast"}, nil)

			if stopped := out.Targets[0].Stopped; !errors.Is(stopped, row.stopped) || errors.Is(stopped, ErrJournal) {
				t.Errorf("%s: the target was stopped by %v", row.why, stopped)
			}
			if r := out.Targets[0].Results[0]; r.Status != NotAttempted || f.attempts["put a:$LATEST"] != 0 {
				t.Errorf("%s: the write that waited is %v, and %v were sent", row.why, r.Status, f.attempts)
			}
			if r := out.Targets[1].Results[0]; r.Status != Applied {
				t.Errorf("%s: the write of the other target is %v, stopped by %v", row.why, r.Status, out.Targets[1].Stopped)
			}
		})
	}
}

// A run that ends while an intent is stored says why it ended; a journal that fails while
// the lease holds says that.
func TestTheEndOfARunIsNoFailureOfItsJournal(t *testing.T) {
	stop, full := errors.New("stopped by SIGTERM"), errors.New("disk full")
	for _, journal := range []Journal{slowJournal{}, brokenJournal{full}} {
		synctest.Test(t, func(t *testing.T) {
			fleet, f := fleetOf("a")
			fleet.Limits.MaxChanges = desired.Limit{Number: 1}
			approved, err := Guard{Limits: fleet.Limits}.approve(NewPlan(fleet, f.survey(t, t.Context(), fleet)))
			if err != nil {
				t.Fatal(err)
			}
			limiter := fastLimiter()
			defer limiter.Close()
			lease, release := context.WithCancel(context.Background())
			defer release()
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second/2, func() { cancel(stop) })
			out := apply(ctx, approved, map[desired.Target]writeConn{home: {Writer: f, Limiter: limiter, LeaseContext: lease}}, journal, nil)
			_, broken := journal.(brokenJournal)
			if stopped := out.Targets[0].Stopped; errors.Is(stopped, ErrJournal) != broken || errors.Is(stopped, full) != broken || errors.Is(stopped, stop) == broken || f.count("put") != 0 {
				t.Errorf("%T: stopped by %v, %d writes", journal, stopped, f.count("put"))
			}
		})
	}
}

// brokenJournal stores nothing.
type brokenJournal struct{ error }

func (j brokenJournal) Intend(context.Context, desired.Key, *Change) error { return j.error }
func (brokenJournal) Settle(desired.Key, *ChangeResult)                    {}
