package worker

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// A month of fleet life: deployments that write in bursts, events that are lost or
// doubled, another tool that fights over a config, hours without AWS, a change that
// the guard stops, and restarts. In the end all is as declared but for what is fought
// over, every wake was answered once, and each fault showed while it lasted.
func TestAMonth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const functions = 120
		a := newLambdas(functions)
		defer a.limiter.Close()
		random := rand.New(rand.NewPCG(7, 11))
		entries := a.fleet.Targets[0].Entries
		fought := entries[3].Name
		var outage atomic.Bool
		unready, refused := 0, 0
		asked, answered := 0, map[int]int{}
		pass := func(ctx context.Context, scope Scope) Result {
			if outage.Load() {
				select {
				case <-ctx.Done():
				case <-time.After(30 * time.Second):
				}
				return Result{Err: errors.New("AWS does not answer")}
			}
			return a.pass(ctx, scope)
		}
		var w *Worker
		begin := func() (end func()) {
			w = New(Options{Timetable: mustEvery(t, 15*time.Minute), Log: silent, Observer: unobserved{}, Pass: pass, Silence: DefaultSilence})
			ctx, cancel := context.WithCancel(t.Context())
			over := make(chan struct{})
			go func() {
				w.Run(ctx)
				close(over)
			}()
			return func() {
				cancel()
				<-over
			}
		}
		event := func(n desired.Name) {
			if random.IntN(10) == 0 {
				return // lost
			}
			for range 1 + random.IntN(2) { // or doubled
				id := asked
				asked++
				w.Wake(Wake{Cause: Event, Triggers: []Trigger{{Object: fn(n.Function), Qualifier: n.Qualifier, Author: insight.Author{Principal: "someone"}}}, Done: func(error) {
					a.mu.Lock()
					defer a.mu.Unlock()
					answered[id]++
				}})
			}
		}
		end := begin()
		for day := range 30 {
			for hour := range 24 {
				for range random.IntN(8) { // a deployment
					n := entries[4+random.IntN(functions-4)].Name
					a.change(n, random.IntN(4) == 0)
					event(n)
					time.Sleep(time.Duration(random.IntN(20)) * time.Second)
				}
				switch {
				case day%7 == 2 && hour < 3:
					outage.Store(true)
				case day%7 == 5 && hour == 12: // more than the guard lets pass, at once
					for _, e := range entries[20:100] {
						a.change(e.Name, false)
					}
				case day%7 == 5 && hour == 14: // somebody mends it
					for _, e := range entries[20:100] {
						a.mend(e.Name)
					}
				case day%3 == 1 && hour == 6:
					end()
					end = begin()
				}
				for range 4 {
					if day > 20 {
						break
					}
					a.change(fought, false)
					event(fought)
					time.Sleep(5 * time.Minute)
				}
				time.Sleep(40 * time.Minute)
				s := w.State()
				if len(s.Unready(time.Now())) > 0 {
					unready++
				}
				if s.Refused {
					refused++
				}
				if len(s.Unhealthy(time.Now())) > 0 {
					t.Fatalf("day %d, %d o'clock: a restart is asked for: %q", day, hour, s.Unhealthy(time.Now()))
				}
				outage.Store(false)
			}
		}
		time.Sleep(time.Hour)
		end()
		synctest.Wait()
		for n, s := range a.records {
			if s.Effect(desired.MaximumRetryAttempts) != desired.Number(0) {
				t.Errorf("%s is not as declared", n)
			}
		}
		if len(a.records) != functions || len(a.problems) > 0 {
			t.Errorf("%d records, problems %q", len(a.records), a.problems)
		}
		for id := range asked {
			if answered[id] != 1 {
				t.Fatalf("event %d was answered %d times", id, answered[id])
			}
		}
		if unready == 0 || unready > 20 || refused == 0 || refused > 20 {
			t.Errorf("of 720 hours %d ended unready and %d with a refusal that stands, want some: each outage and each stop, and no more", unready, refused)
		}
		t.Logf("%d events, %d hours unready, %d hours refused", asked, unready, refused)
	})
}
