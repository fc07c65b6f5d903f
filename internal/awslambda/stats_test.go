package awslambda

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// TestStatsEqualRequests: with everything going wrong that the simulator knows,
// the counters hold exactly what it saw arrive, and so do the tokens.
func TestStatsEqualRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scenario := awssim.Fleet(here.Account, here.Region, awssim.Function{Name: "f-%03d", Count: 200, Aliases: []string{"live"}})
		scenario.Seed, scenario.Latency = 7, 40*time.Millisecond
		scenario.Faults = awssim.Faults{Throttle: .1, Conflict: .1, ServerError: .1, Reset: .05, Lost: .02, Truncate: .05}
		w := worldOf(t, scenario)
		conn := connAt(t, ratelimit.Options{Quota: 500, Share: 1}, w)
		reader, writer := NewReader(conn), NewWriter(conn)
		var wg sync.WaitGroup
		for worker := range 8 {
			wg.Go(func() {
				for i := worker; i < 200; i += 8 {
					name := desired.Name{Function: fmt.Sprintf("f-%03d", i), Qualifier: "live"}
					_, _ = reader.ListConfigs(t.Context(), name.Function, "")
					_, _ = reader.ListAliases(t.Context(), name.Function, "")
					_, _ = writer.Put(t.Context(), name, desired.Config{desired.MaximumRetryAttempts: desired.Number(1)})
					_ = writer.Delete(context.Background(), name)
				}
			})
		}
		wg.Wait()
		counts := w.Counts()
		if d := cmp.Diff(counts.ByOperation, callsByOp(conn)); d != "" {
			t.Error(d)
		}
		if tokens := conn.Limiter().Snapshot().Granted(); int(tokens) != counts.Total {
			t.Errorf("%d tokens for %d requests", tokens, counts.Total)
		}
		var sum reconcile.OperationCount
		for _, s := range conn.Stats() {
			if s.Calls != s.OK+s.Throttled+s.Conflicts+s.Faults+s.Skewed+s.Refused {
				t.Errorf("the outcomes do not add up to the calls: %+v", s)
			}
			sum.Throttled += s.Throttled
			sum.Conflicts += s.Conflicts
			sum.Faults += s.Faults
		}
		var conflicts, faults int64
		for outcome, n := range counts.ByOutcome {
			switch {
			case strings.HasPrefix(outcome, "409"):
				conflicts += int64(n)
			case strings.HasPrefix(outcome, "5"), strings.HasPrefix(outcome, "reset"), outcome == "lost", outcome == "truncate":
				faults += int64(n)
			}
		}
		want := reconcile.OperationCount{Throttled: int64(counts.Throttled), Conflicts: conflicts, Faults: faults}
		if d := cmp.Diff(want, sum); d != "" || conflicts == 0 || faults == 0 || want.Throttled == 0 {
			t.Errorf("(-simulator +counters)\n%s\n%v", d, counts.ByOutcome)
		}
	})
}
