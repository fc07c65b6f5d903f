package worker

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// poke is one wake of a random history.
type poke struct {
	wait     time.Duration // since the one before
	function int           // 0 triggers everything, 1 the whole target
}

// TestNoWakeIsLost lets random wakes meet passes of random length. Each must be
// answered once, after a pass that began no earlier than the wake and covered
// it; passes must not overlap; and triggers must have settled.
func TestNoWakeIsLost(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		takes := time.Duration(rapid.IntRange(0, 40).Draw(rt, "takes")) * time.Second
		pokes := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) poke {
			return poke{time.Duration(rapid.IntRange(0, 6).Draw(t, "wait")) * time.Second, rapid.IntRange(0, 4).Draw(t, "function")}
		}), 1, 60).Draw(rt, "pokes")
		var problem error
		synctest.Test(t, func(t *testing.T) { problem = replay(t, takes, pokes) })
		if problem != nil {
			rt.Fatal(problem)
		}
	})
}

func replay(t *testing.T, takes time.Duration, pokes []poke) error {
	var mu sync.Mutex
	var problems []string
	complain := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		problems = append(problems, fmt.Sprintf(format, args...))
	}
	var last passed // the pass that is over, or under way
	running := false
	w := New(Options{Timetable: mustEvery(t, 24*time.Hour), Pass: func(ctx context.Context, s Scope) Result {
		if running {
			complain("two passes at once")
		}
		running, last = true, passed{after: time.Duration(time.Now().UnixNano()), scope: s}
		time.Sleep(takes)
		running = false
		return inSync
	}})
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() { w.Run(ctx); close(over) }()

	answered := make([]int, len(pokes))
	for i, p := range pokes {
		time.Sleep(p.wait)
		asked := time.Duration(time.Now().UnixNano())
		wake := Wake{Cause: Event}
		switch p.function {
		case 0:
		case 1:
			wake.Triggers = []Trigger{{Object: Object{Target: ireland}}}
		default:
			wake.Triggers = []Trigger{{Object: fn(fmt.Sprint(p.function))}}
		}
		wake.Done = func(err error) {
			answered[i]++
			covered := last.scope.All || p.function != 0 && last.scope.covers(ireland, fmt.Sprint(p.function))
			if err != nil || last.after < asked || !covered {
				complain("poke %d was answered with %v by %+v", i, err, last)
			}
			if waited := time.Duration(time.Now().UnixNano()) - asked; waited > DefaultSettle+DefaultGap+3*takes {
				complain("poke %d waited %s", i, waited)
			}
		}
		w.Wake(wake)
	}
	time.Sleep(time.Hour)
	cancel()
	<-over
	for i, n := range answered {
		if n != 1 {
			complain("poke %d was answered %d times", i, n)
		}
	}
	if len(problems) > 0 {
		return fmt.Errorf("%s", problems[0])
	}
	return nil
}
