package reconcile

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
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
					return refusal(callerr.Server, "no")
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

// fillingJournal is full at one function, once all others are where they wait.
type fillingJournal struct {
	noJournal
	at  string
	err error
}

func (j fillingJournal) Intend(_ context.Context, key desired.Key, _ *Change) error {
	if key.Function != j.at {
		return nil
	}
	time.Sleep(time.Second)
	return j.err
}

// What ended a run was said to one call. A change that waits says what was said to itself, and
// nothing where it was never sent.
func TestWhatWaitsSaysOnlyWhatWasSaidToIt(t *testing.T) {
	full := &callerr.Error{Service: "s3", Op: "PutObject", Subject: "s3://bucket/key", Kind: callerr.Denied, Status: 403, Message: "no"}
	cut := func(ctx context.Context) error { // as the border makes it
		return ratelimit.WithResult(&callerr.Error{Service: "lambda", Op: "PutFunctionEventInvokeConfig", Message: "it was interrupted", Err: context.Cause(ctx)}, ratelimit.Cancelled, 0)
	}
	for _, row := range []struct {
		why  string
		put  func(ctx context.Context, n int) error // the nth attempt at the config that waits
		want callerr.Kind                           // of what it says; callerr.Unknown: it says nothing
		as   Status
	}{
		{"it waits for its token", func(ctx context.Context, _ int) error { <-ctx.Done(); return cut(ctx) }, callerr.Unknown, NotAttempted},
		{"the function is busy, and it waits to be tried again", func(context.Context, int) error { return busy() }, callerr.Conflict, NotAttempted},
		{"it waits for the token of another try", func(ctx context.Context, n int) error {
			if n == 1 {
				return ratelimit.WithResult(refusal(callerr.Throttled, "slow down"), ratelimit.Throttled, 100*time.Millisecond)
			}
			<-ctx.Done()
			return cut(ctx)
		}, callerr.Throttled, NotAttempted},
		{"it was sent, and the end came before an answer", func(ctx context.Context, _ int) error {
			<-ctx.Done()
			return ratelimit.WithResult(&callerr.Error{Kind: callerr.Transport, Message: "cut", Err: context.Canceled}, ratelimit.ServerError, 0)
		}, callerr.Transport, Failed},
	} {
		synctest.Test(t, func(t *testing.T) {
			fleet, f := fleetOf("full", "waits")
			fleet.Limits.MaxChanges = desired.Limit{Number: 2}
			approved, err := Guard{Limits: fleet.Limits}.approve(NewPlan(fleet, f.survey(t, t.Context(), fleet)))
			if err != nil {
				t.Fatal(err)
			}
			limiter := fastLimiter()
			defer limiter.Close()
			out := apply(t.Context(), approved, map[desired.Target]writeConn{home: {Writer: &answering{fakeAWS: f, put: row.put}, Limiter: limiter}}, fillingJournal{at: "full", err: full}, nil)
			if !errors.Is(out.Targets[0].Stopped, ErrJournal) {
				t.Fatalf("%s: stopped by %v", row.why, out.Targets[0].Stopped)
			}
			for i := range out.Targets[0].Results {
				r := &out.Targets[0].Results[i]
				want, as := row.want, row.as
				if r.Function == "full" {
					want, as = callerr.Unknown, NotAttempted
				}
				if r.Status != as || (r.Err == nil) != (want == callerr.Unknown) || callerr.KindOf(r.Err) != want {
					t.Errorf("%s: %s is %s and says %v", row.why, r.Function, r.Status, r.Err)
				}
			}
		})
	}
}

// answering is a writer that answers a Put as it is told to.
type answering struct {
	*fakeAWS
	put   func(ctx context.Context, n int) error
	tried int
}

func (a *answering) Put(ctx context.Context, _ desired.Name, _ desired.Config) (Record, error) {
	a.tried++
	return Record{}, a.put(ctx, a.tried)
}
