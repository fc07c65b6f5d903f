package awssim_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

func TestCallsAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, factsWorld())
		c := by(t, w)
		start := time.Now()
		c.call("PUT", fLive, both)
		time.Sleep(time.Second)
		c.call("PUT", f, `{}`)
		c.call("GET", fList, "")
		if err := w.SetFaults(awssim.Faults{Truncate: 1}); err != nil {
			t.Fatal(err)
		}
		c.call("DELETE", fLive, "") // a 204 has no body to cut
		later := start.Add(time.Second)
		want := []awssim.Call{
			{Time: start, Operation: "PutFunctionEventInvokeConfig", Qualifier: "live", Status: 200, Write: true, Applied: true},
			{Time: later, Operation: "PutFunctionEventInvokeConfig", Status: 400, Code: "InvalidParameterValueException", Write: true},
			{Time: later, Operation: "ListFunctionEventInvokeConfigs", Status: 200},
			{Time: later, Operation: "DeleteFunctionEventInvokeConfig", Qualifier: "live", Status: 204, Write: true, Applied: true},
		}
		got := w.Calls()
		for i := range got {
			if len(got[i].RequestID) != 36 {
				t.Errorf("request id %q", got[i].RequestID)
			}
			got[i].RequestID = ""
		}
		for i := range want {
			want[i].Account, want[i].Region, want[i].Function = account, region, "f"
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("calls (-want +got)\n%s", d)
		}
		counts := awssim.Counts{
			Total: 4, Writes: 3, Applied: 2,
			ByOperation: map[string]int{"PutFunctionEventInvokeConfig": 2, "ListFunctionEventInvokeConfigs": 1, "DeleteFunctionEventInvokeConfig": 1},
			ByOutcome:   map[string]int{"200": 2, "400 InvalidParameterValueException": 1, "204": 1},
		}
		if d := cmp.Diff(counts, w.Counts()); d != "" {
			t.Errorf("counts (-want +got)\n%s", d)
		}
		w.ResetCounts()
		if n := w.Counts().Total + w.Counts().Writes + len(w.Calls()); n != 0 {
			t.Errorf("%d things are left after a reset", n)
		}
	})
}

func TestCallLogIsBounded(t *testing.T) {
	for _, row := range []struct {
		why             string
		limit, remember int
	}{{"by default it holds a hundred thousand", 0, 100}, {"the latest", 7, 7}, {"none", -1, 0}} {
		s := factsWorld()
		s.CallLog = row.limit
		w := newWorld(t, s)
		c := by(t, w)
		for i := range 100 {
			c.call("GET", path(fmt.Sprintf("f%02d", i), ""), "")
		}
		calls := w.Calls()
		if len(calls) != row.remember || w.Counts().Total != 100 {
			t.Errorf("%s: %d remembered of %d", row.why, len(calls), w.Counts().Total)
		}
		if n := len(calls); n > 0 && calls[n-1].Function != "f99" {
			t.Errorf("%s: the last is %s", row.why, calls[n-1].Function)
		}
	}
}
