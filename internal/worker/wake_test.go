package worker

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eventinvoke/eventinvoke/internal/events"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

func TestClassify(t *testing.T) {
	write := events.Hint{Kind: events.Key, Target: ireland, Function: "orders", Qualifier: "live", EventName: "PutFunctionEventInvokeConfig", Author: insight.Author{Principal: "alice"}}
	alias := write
	alias.EventName = "UpdateAlias"
	echo, failed := write, write
	echo.Echo, failed.Failed = true, true
	written := Trigger{Object: fn("orders"), Qualifier: "live", Author: insight.Author{Principal: "alice"}}
	for _, tt := range []struct {
		why   string
		hints []events.Hint
		want  Classified
		cause Cause // of the wake, when anything is needed
	}{
		{why: "nothing"},
		{why: "a write names its writer", hints: []events.Hint{write}, want: Classified{Triggers: []Trigger{written}}, cause: Event},
		{why: "a change of an alias is nobody's write of a record", hints: []events.Hint{alias}, want: Classified{Triggers: []Trigger{{Object: fn("orders")}}}, cause: Event},
		{why: "our own writes", hints: []events.Hint{echo, echo}, want: Classified{Echoes: 2}},
		{why: "a refused call that was ours is refused first", hints: []events.Hint{failed, {Failed: true, Echo: true}}},
		{why: "a schedule covers the rest", hints: []events.Hint{write, {Kind: events.All}}, want: Classified{Everything: true}, cause: Schedule},
		{why: "any other stored object", hints: []events.Hint{{Kind: events.Files, Object: "s3://fleets/notes.txt"}}},
		{why: "new tags", hints: []events.Hint{{Kind: events.Function, Target: ireland, Function: "orders", EventName: "TagResource"}}, want: Classified{Triggers: []Trigger{{Object: fn("orders")}}}, cause: Event},
		{why: "the fleet file", hints: []events.Hint{{Kind: events.Files, Object: "s3://fleets/fleet.yaml"}}, want: Classified{Everything: true, Files: true}, cause: Files},
		{why: "below the fleet's prefix", hints: []events.Hint{{Kind: events.Files, Object: "s3://fleets/team/a.yaml"}}, want: Classified{Everything: true, Files: true}, cause: Files},
		{why: "a target", hints: []events.Hint{{Kind: events.Target, Target: ireland}}, want: Classified{Triggers: []Trigger{{Object: Object{Target: ireland}}}}, cause: Event},
	} {
		got := Classify(tt.hints, "s3://fleets/fleet.yaml", "s3://fleets/team/")
		if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.why, diff)
		}
		if got.Needed() && got.Wake(nil).Cause != tt.cause {
			t.Errorf("%s: the cause is %s, want %s", tt.why, got.Wake(nil).Cause, tt.cause)
		}
	}
}
