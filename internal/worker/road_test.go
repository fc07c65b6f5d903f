package worker

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/events"
)

// TestFromAnEventToTheCorrectedRecord walks the whole road in a fleet of 10,000
// functions at Lambda's quota: a read and a write for each function that an
// event told of, none for any other, within a second of the settle time.
func TestFromAnEventToTheCorrectedRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLambdas(10_000)
		w := a.start(t, Options{Timetable: mustEvery(t, 24*time.Hour)})
		time.Sleep(time.Hour)
		synctest.Wait()
		swept := len(a.calls)
		if swept != 10_000 || w.State().LastSuccess.IsZero() {
			t.Fatalf("the first pass made %d calls and succeeded at %s, want one for each function", swept, w.State().LastSuccess)
		}

		asked, answer := time.Now(), &answer{}
		var hints []events.Hint
		for _, function := range []string{"f-00007", "f-09999", "f-04711", "stranger"} {
			a.change(desired.Name{Function: function, Qualifier: desired.Latest}, false)
			for range 3 { // delivery may double
				hints = append(hints, events.Hint{Kind: events.Key, Target: ireland, Function: function, Qualifier: desired.Latest, EventName: "PutFunctionEventInvokeConfig"})
			}
		}
		w.Wake(Classify(hints).Wake(answer.done))
		time.Sleep(time.Minute)
		synctest.Wait()
		answer.want(t, 1, nil)
		calls := slices.Sorted(slices.Values(a.calls[swept:]))
		if diff := cmp.Diff([]string{"list f-00007", "list f-04711", "list f-09999", "write f-00007", "write f-04711", "write f-09999"}, calls); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		for function, at := range a.written {
			if took := at.Sub(asked) - DefaultSettle; took >= time.Second {
				t.Errorf("%s was corrected %s after the settle time, want less than a second", function, took)
			}
		}
	})
}
