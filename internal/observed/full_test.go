package observed

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/trail"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// Whatever makes observations worth nothing makes a full read, which says why.
func TestWhyEverythingIsRead(t *testing.T) {
	for _, row := range []struct {
		why    string
		spoil  func(*state)
		bytes  func([]byte) []byte
		answer trail.Answer
		since  time.Duration // ago, that the run began which is carried on
		says   string        // "" where what was seen before counts
	}{
		{why: "nothing is wrong"},
		{why: "nothing was read before", bytes: func([]byte) []byte { return nil }, says: "no observations yet"},
		{why: "a damaged file", bytes: func(b []byte) []byte { return b[:len(b)-1] }, says: "damaged"},
		{why: "another version's file", bytes: func(b []byte) []byte { return []byte(strings.Replace(string(b), " 2 ", " 7 ", 1)) }, says: "format is 7"},
		{why: "a clock that went back", spoil: func(s *state) { s.Written = time.Now().Add(time.Minute) }, says: "clock went back"},
		{why: "a last look of long ago", spoil: func(s *state) { s.Looked = time.Now().Add(-25 * time.Hour) }, says: "longer ago than the maximum age"},
		{why: "a trail that refuses", answer: trail.Answer{Cut: errors.New("no permission")}, says: "no permission"},
		{why: "a trail that is cut short", answer: trail.Answer{Cut: trail.ErrPages}, says: "CloudTrail could not be asked to its end"},
		{why: "a trail that refuses, and what was read is of the run that is carried on", answer: trail.Answer{Cut: errors.New("no permission")}, since: time.Minute},
		{why: "events that name nothing, likewise", answer: trail.Answer{Unread: 3}, since: time.Minute},
		{why: "events that name nothing", answer: trail.Answer{Unread: 3}, says: "3 events"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := fleetOf(3, time.Now())
			if row.spoil != nil {
				row.spoil(s)
			}
			data, err := s.encode()
			if err != nil {
				t.Fatal(err)
			}
			if row.bytes != nil {
				data = row.bytes(data)
			}
			store := &place{Store: history.Discard(), data: data}
			row.answer.Asked = time.Now()
			o := &Observations{
				Store: store, MaxAge: DefaultMaxAge, Delay: DefaultDelay, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
				Trail: func(_ context.Context, _ *reconcile.OpenTarget, q trail.Query) *trail.Answer {
					if want := s.Looked.Add(-DefaultDelay); !q.From.Equal(want) {
						t.Errorf("%s: the trail is asked from %s, not %s", row.why, q.From, want)
					}
					return &row.answer
				},
			}
			if row.since > 0 {
				o.Since = time.Now().Add(-row.since)
			}
			p := &pass{of: o, open: reconcile.OpenTarget{Target: here}, began: time.Now()}
			p.recall(t.Context())
			if row.says == "" && (p.full != "" || len(p.state.functions) != 3) || row.says != "" && (!strings.Contains(p.full, row.says) || len(p.state.functions) != 0) {
				t.Errorf("%s: %q, and %d functions are known", row.why, p.full, len(p.state.functions))
			}
			if gone := store.data == nil; gone != (data == nil || strings.Contains(row.says, "clock")) {
				t.Errorf("%s: the file is gone: %v", row.why, gone)
			}
		})
	}
}

// A small fleet is read whole where that is left to the program, and nothing of it kept.
func TestASmallFleetIsReadWhole(t *testing.T) {
	doc, err := desired.Load(fstest.MapFS{"fleet.yaml": {Data: []byte(fleetText)}}, "fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	store := &place{Store: history.Discard()}
	o := &Observations{
		Store: store, MaxAge: DefaultMaxAge, Delay: DefaultDelay,
		All: func(_ *reconcile.OpenTarget, functions int) bool { return functions < 10 },
	}
	r := &reconcile.RunResult{
		Request: reconcile.Request{Wishes: reconcile.FleetWishes{Document: doc}},
		Opened:  reconcile.Opened{Ambient: here, Targets: []reconcile.OpenTarget{{Target: here}}},
	}
	c := o.Recall(t.Context(), r)
	spec := desired.TargetSpec{Target: here, Entries: []desired.Entry{{Name: desired.Name{Function: "f", Qualifier: desired.Latest}, Want: &desired.Config{}, Origins: &desired.Origins{}}}}
	if carried := c.Carry(desired.Fleet{Targets: []desired.TargetSpec{spec}}); len(carried) > 0 {
		t.Errorf("carried %v", carried)
	}
	r.Observed = reconcile.Observed{Targets: []reconcile.ObservedTarget{{Target: here}}}
	c.Save(t.Context(), r)
	if e := c.Evidence(here, &r.Observed); e != nil || store.data != nil {
		t.Errorf("evidence %v, a file of %d bytes", e, len(store.data))
	}
}
