package worker

import (
	"context"
	"fmt"
	"slices"
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
	var over []passed
	running := map[bool]int{} // by whether it is a sweep
	w := New(Options{Timetable: mustEvery(t, 24*time.Hour), Log: silent, Observer: unobserved{}, Pass: func(ctx context.Context, s Scope) Result {
		began := time.Duration(time.Now().UnixNano())
		mu.Lock()
		running[s.All]++
		if running[s.All] > 1 {
			problems = append(problems, "two passes at once")
		}
		mu.Unlock()
		time.Sleep(takes)
		mu.Lock()
		defer mu.Unlock()
		running[s.All]--
		over = append(over, passed{after: began, scope: s})
		return inSync
	}})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { w.Run(ctx); close(ended) }()

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
			mu.Lock()
			answered[i]++
			over := slices.Clone(over)
			mu.Unlock()
			if err != nil || !slices.ContainsFunc(over, func(pass passed) bool {
				return pass.after >= asked && (pass.scope.All || p.function != 0 && pass.scope.covers(ireland, fmt.Sprint(p.function)))
			}) {
				complain("poke %d was answered with %v after %+v", i, err, over)
			}
			if waited := time.Duration(time.Now().UnixNano()) - asked; waited > DefaultSettle+DefaultGap+3*takes {
				complain("poke %d waited %s", i, waited)
			}
		}
		w.Wake(wake)
	}
	time.Sleep(time.Hour)
	cancel()
	<-ended
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
