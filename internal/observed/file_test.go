package observed

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

var here = desired.Target{Account: "111111111111", Region: "eu-west-1"}

// known is a state with one of everything.
func known(at time.Time) *state {
	s := newState(here)
	s.Written, s.Looked, s.Listed = at, at.Add(-time.Minute), at.Add(-time.Hour)
	s.Followed, s.Aliases, s.Versions = true, true, true
	s.Events["id"] = at.Unix()
	s.Doubts["a"] = at.Unix()
	s.Need, s.Names = "need", []string{"a", "gone"}
	s.Tags = map[string]tags{"a": {"team": "x"}}
	settings := &reconcile.Settings{desired.Number(60), desired.Value{}, desired.Text("arn:aws:sqs:eu-west-1:111111111111:q")}
	s.functions["a"] = &observation{
		CarriedFunction: reconcile.CarriedFunction{
			Function: "a", State: reconcile.FunctionPresent, Seen: at.UnixMilli() - 5,
			Records: []reconcile.ObservedRecord{{Qualifier: "$LATEST", Settings: settings, Modified: 7}, {Qualifier: "live", Settings: settings}},
			Gone:    []string{"blue", "old"}, Aliases: []string{"live"}, AliasesListed: true, VersionsListed: true,
		},
		asked: "asked",
	}
	s.functions["gone"] = &observation{CarriedFunction: reconcile.CarriedFunction{Function: "gone", State: reconcile.FunctionAbsent, Seen: 9}, asked: "asked"}
	return s
}

func TestAFileGivesBackWhatWasKept(t *testing.T) {
	want := known(time.Date(2026, 11, 25, 12, 0, 0, 5e6, time.UTC))
	data, err := want.encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(data, here)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(state{}, observation{}, desired.Value{})); diff != "" {
		t.Errorf("(-kept +read)\n%s", diff)
	}
	again, err := got.encode()
	if err != nil || string(again) != string(data) {
		t.Errorf("the same state has other bytes: %v", err)
	}
}

// What was changed in any byte, cut short, copied from another target or written by
// another version is refused, and never read in part.
func TestAFileThatIsNotTheOneThatWasStoredIsRefused(t *testing.T) {
	data, err := known(time.Now()).encode()
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		wrong := append([]byte{}, data...)
		wrong[i] ^= 1
		if _, err := decode(wrong, here); err == nil {
			t.Fatalf("byte %d of %d was changed, and the file was read", i, len(data))
		}
		if _, err := decode(data[:i], here); err == nil {
			t.Fatalf("the file was cut after %d of %d bytes, and was read", i, len(data))
		}
	}
	if _, err := decode(data, desired.Target{Account: "222222222222", Region: "eu-west-1"}); err == nil {
		t.Error("the file of another target was read")
	}
	if _, err := decode([]byte(strings.Replace(string(data), " 2 ", " 1 ", 1)), here); !errors.Is(err, errOtherFormat) {
		t.Errorf("another format: %v", err)
	}
}

// 50,000 functions fit into about a megabyte: a pass stores the file each time.
func TestAFileIsSmall(t *testing.T) {
	at := time.Now()
	s := fleetOf(50_000, at)
	data, err := s.encode()
	if err != nil {
		t.Fatal(err)
	}
	if per := len(data) / len(s.functions); per > 30 {
		t.Errorf("%d bytes a function", per)
	}
	t.Logf("%d functions, %d bytes", len(s.functions), len(data))
}
