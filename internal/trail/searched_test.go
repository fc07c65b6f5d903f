package trail

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/fights"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// TestWhatNobodyLookedAtIsNotUnknown: over any history, and wherever time, a limit of pages or a
// refusal cuts its search short, each config that differs has its author, or nobody looked that
// far, or it has none there. So what is explained, unknown and not looked up is what differs.
func TestWhatNobodyLookedAtIsNotUnknown(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			h := &history{after: rapid.SampledFrom([]time.Duration{0, 0, time.Second, 3 * time.Second}).Draw(rt, "answers after")}
			budget := rapid.SampledFrom([]time.Duration{3 * time.Second, 10 * time.Second, time.Minute}).Draw(rt, "budget")
			if rapid.IntRange(0, 5).Draw(rt, "refuses") == 0 {
				h.refuse = map[string]string{rapid.SampledFrom(Writes).Draw(rt, "refused"): "AccessDeniedException"}
			}
			// The history from its newest event back; what is first seen of a function is its last write.
			at, per, last := time.Now().Add(-time.Minute).Truncate(time.Second), map[string]int{}, map[string]recorded{}
			weights := rapid.SampledFrom([][]string{Writes, {Writes[0], Writes[0], Writes[0], Writes[0], Writes[1]}}).Draw(rt, "calls")
			for i := range rapid.SampledFrom([]int{0, 30, 200, 800}).Draw(rt, "events") {
				e := recorded{id: fmt.Sprint(i), name: rapid.SampledFrom(weights).Draw(rt, "call"), function: fmt.Sprint("busy-", i%3), at: at}
				if rapid.IntRange(0, 19).Draw(rt, "of one that differs") == 0 {
					e.function = fmt.Sprint("f-", rapid.IntRange(0, 11).Draw(rt, "function"))
				}
				at = at.Add(-slack - time.Duration(rapid.IntRange(1, 600).Draw(rt, "pause"))*time.Second)
				h.events, per[e.name] = append(h.events, e), per[e.name]+1
				if _, later := last[e.function]; !later {
					last[e.function] = e
				}
			}
			plan := reconcile.TargetPlan{Target: ireland}
			for i := range 16 { // four of them nobody has written as far as CloudTrail tells
				c := reconcile.Change{Name: desired.Name{Function: fmt.Sprint("f-", i), Qualifier: desired.Latest}}
				e, written := last[c.Function]
				if !written {
					e.at = time.Now().Add(-time.Duration(rapid.IntRange(0, 90*24).Draw(rt, "hours")) * time.Hour)
				}
				if !written && i%2 == 0 || written && e.name != deleteCall {
					c.Before, c.Modified = &reconcile.Settings{}, e.at.UnixMilli()+rapid.Int64Range(0, 2000).Draw(rt, "ms")
					if rapid.IntRange(0, 3).Draw(rt, "time not known") == 0 {
						c.Modified = 0
					}
				}
				plan.Changes = append(plan.Changes, c)
			}
			paces, lookups := ratelimit.NewRegistry(func(desired.Target) ratelimit.Options { return ratelimit.Options{Quota: 1000} }), ratelimit.NewRegistry(Pace)
			defer paces.Close()
			defer lookups.Close()
			conn := awslambda.NewConn(aws.Config{HTTPClient: &http.Client{Transport: h}, Credentials: awslambda.StaticCredentials("AKID")}, ireland, paces)
			ctx, cancel := context.WithTimeout(t.Context(), budget)
			defer cancel()
			learnt := Who{Limiters: lookups, Fights: &fights.Log{}}.Annotate(ctx, &reconcile.RunResult{
				Opened: reconcile.Opened{Targets: []reconcile.OpenTarget{{Target: ireland, Reader: awslambda.NewReader(conn)}}},
				Plan:   reconcile.Plan{Targets: []reconcile.TargetPlan{plan}},
			})
			time.Sleep(time.Minute) // for what was under way
			var not insight.Unsearched
			if len(learnt.Unsearched) > 0 {
				not = learnt.Unsearched[0]
				if not.Err == nil || (len(learnt.Unavailable) == 0) != (errors.Is(not.Err, ErrPages) && !errors.Is(not.Err, ErrBudget) && callerr.KindOf(not.Err) == callerr.Unknown) {
					t.Errorf("cut short by %v, and not known is %v", not.Err, learnt.Unavailable)
				}
				if budget == time.Minute && h.after == 0 && h.refuse == nil && per[Writes[0]] <= 500 {
					t.Errorf("the history was short, and not looked up is %+v", not)
				}
			}
			explained, unknown := 0, 0
			for _, c := range plan.Changes {
				key := desired.Key{Target: ireland, Name: c.Name}
				a, e := learnt.AuthorOf(key), last[c.Function]
				switch searched := learnt.Searched(key); {
				case a != nil && (!searched || !a.At.Equal(e.at) || a.Call != e.name):
					t.Errorf("%s was last written at %v, not as told: %+v (searched: %v)", c.Function, e.at, a, searched)
				case a != nil:
					explained++
				case searched && !e.at.IsZero():
					t.Errorf("%s is called unknown, and its event was not looked at: %+v of %v", c.Function, e, not)
				case searched:
					unknown++
				case c.Modified > 0 && !not.Reached.IsZero() && not.Reached.Before(time.UnixMilli(c.Modified).Add(-slack)):
					t.Errorf("%s was looked up: %v is later than %v", c.Function, c.Modified, not.Reached)
				}
			}
			if explained+unknown+len(not.Configs) != len(plan.Changes) {
				t.Errorf("%d explained, %d unknown, %d not looked up, of %d", explained, unknown, len(not.Configs), len(plan.Changes))
			}
		})
	})
}
