package history

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/shard"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

var update = flag.Bool("update", false, "write testdata/stored anew instead of comparing with it")

// stored is a history as it lies in people's folders and buckets.
const stored = "testdata/stored"

// storedRecord has a value in every field that a record knows.
func storedRecord() *RunRecord {
	at := time.Date(2000, 1, 1, 0, 0, 0, 123456000, time.UTC)
	refused := &callerr.Error{
		Service: "lambda", Op: "PutFunctionEventInvokeConfig", Subject: "111111111111/eu-west-1/orders-001:$LATEST", Kind: callerr.Server,
		Code: "ServiceException", Status: 500, Message: "An error occurred", RequestID: "b7e0d1f2", Hint: "run again",
	}
	who := &LastAuthor{Author: insight.Author{Principal: "arn:aws:sts::111111111111:assumed-role/deploy/ci", Kind: "role", Name: "deploy", Client: "CloudFormation", RunID: "20000101T000000Z-0000", Stack: "orders"}, At: at, Call: "PutFunctionEventInvokeConfig"}
	counts := PlanCounts{Declared: 5, InSync: 1, Skipped: 2, Ignored: 3, Creates: 1, Changes: 1, Deletes: 1, Unreadable: 4, Missing: 5, Undeclared: 6, Breaches: 7}
	return &RunRecord{
		Version: RecordVersion, RunID: "20000101T000000Z-1f2e", Shard: shard.Shard{Index: 1, Count: 2}, ToolVersion: "1.4.0", Verb: "apply", Host: "ops-1", PID: 4711,
		State: Finished, Started: at, Finished: at.Add(time.Minute), AskedMS: 4500, Stopped: "the time is over",
		Guard: []reconcile.GuardLine{{Rule: "max_changes", Current: 3, Limit: 10, Of: 5}}, GuardOff: "first run", Approvers: []string{"alice"}, Failure: refused,
		Job: "https://ci.example/7", Callers: []Caller{{Target: testTarget, ARN: "arn:aws:sts::111111111111:assumed-role/ops/me"}},
		Files:            []desired.FileInfo{{Path: "fleet.yaml", SHA256: "00ff"}},
		Selection:        desired.Selection{Targets: []string{"prod"}, Functions: []string{"orders-*"}},
		Narrowed:         new(true),
		MissingFunctions: new(desired.MissingWarn), MissingQualifiers: new(desired.MissingWarn),
		Organizations: map[string][]string{"prod": {"111111111111", "222222222222"}},
		Targets: []TargetRecord{{
			Target: testTarget, Label: "prod", Plan: counts, Failure: refused, Stopped: refused, Unknown: true, Functions: 5, Covered: 4,
			Findings:   map[string]int{"unreadable": 4},
			Drift:      []Drift{{Name: testKey(1).Name, Action: reconcile.Update, Since: at, Author: who}},
			Operations: []reconcile.OperationCount{{Name: "PutFunctionEventInvokeConfig", Calls: 21, OK: 1, Throttled: 2, Conflicts: 3, Faults: 4, Skewed: 5, Refused: 6}},
			Limiter:    &LimiterStats{Rate: 6.8, Ceiling: 13.5, Granted: 21, Decreases: 1, PausedMS: 500, Throttled: 2, Breaker: "closed", Efficiency: 0.5},
			Pace:       []PacePoint{{AtMS: 1000, Rate: 6.8, Ceiling: 13.5, Throttled: 2}},
		}},
		Items: []Item{{
			Key: testKey(1), Action: reconcile.Update, Status: "applied", Before: new(storedBefore), Modified: 1_700_000_000_123, Request: storedWant,
			After: new(holding(0)), AfterModified: 1_700_000_009_000, Attempts: 2, WaitedMS: 1500, Failure: refused, Author: who,
		}},
		Findings: []Finding{{Key: testKey(9), Reason: "unreadable", Failure: refused}},
	}
}

var (
	storedBefore = reconcile.Settings{
		desired.MaximumRetryAttempts: desired.Number(0), desired.MaximumEventAgeInSeconds: desired.Number(3600),
		desired.OnSuccess: desired.Text(topicARN), desired.OnFailure: desired.Text(queueARN),
	}
	storedWant = desired.Config{
		desired.MaximumRetryAttempts: desired.Number(2), desired.MaximumEventAgeInSeconds: desired.Number(60),
		desired.OnSuccess: desired.NoDestination, desired.OnFailure: desired.Text(queueARN),
	}
	// storedUndo is what a rollback of it must know.
	storedUndo = []Trace{
		{Key: testKey(0), Status: Written, After: new(holding(2))},
		{Key: testKey(1), Status: Unknown, Before: new(storedBefore), Author: storedRecord().Items[0].Author, After: new(reconcile.NewSettings(storedWant)), Alternative: new(storedBefore)},
		{Key: testKey(2), Status: Written, Before: new(holding(1))},
		{Key: testKey(3), Status: Unknown, Before: new(holding(1)), After: new(holding(0)), Alternative: new(holding(1))},
	}
)

// storeARun records the run: one write that was done, one of which nobody knows, a delete,
// and one without an answer.
func storeARun(t *testing.T, s *memory) {
	t.Helper()
	final := storedRecord()
	r, err := New(s).Begin(t.Context(), final)
	if err != nil {
		t.Fatal(err)
	}
	s.do(func() { s.objects["lease.json"] = s.objects[r.attempt.alive()] })
	who := final.Items[0].Author
	r.Journal().Tell(5, &insight.Set{Authors: []insight.Authorship{{Key: testKey(1), Author: who.Author, At: who.At, Call: who.Call}}})
	changes := []*reconcile.Change{create(testKey(0), retries(2)), modify(testKey(1), storedBefore, storedWant), remove(testKey(2), holding(1)), modify(testKey(3), holding(1), retries(0))}
	for i, c := range changes {
		if err := r.Journal().Intend(t.Context(), testKey(i), c); err != nil {
			t.Fatal(err)
		}
	}
	r.Journal().Settle(testKey(0), applied(changes[0], new(holding(2))))
	r.Journal().Settle(testKey(1), &reconcile.ChangeResult{Change: *changes[1], Status: reconcile.Failed, Err: final.Failure, Stats: ratelimit.CallStats{Attempts: 6, Faults: 6}})
	r.Journal().Settle(testKey(2), applied(changes[2], nil))
	if err := r.Finish(t.Context(), final); err != nil {
		t.Fatal(err)
	}
}

// TestTheStoredFormatStaysAsItIs: a history is read for years, by other versions too. A
// new field may come, which older versions do without: then go test ./internal/history
// -run Stored -update. For any other difference RecordVersion or JournalVersion grows,
// and TestAHistoryOfBeforeIsRead reads a copy of today's testdata/stored as well, whose name
// ends in the version of its records. make
// golden leaves it alone, so that nobody rewrites it unawares.
func TestTheStoredFormatStaysAsItIs(t *testing.T) {
	everyField(t, "Record", reflect.ValueOf(*storedRecord()))
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		storeARun(t, s)
		names, err := s.List(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.RemoveAll(stored); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range names {
			text := string(s.objects[name]) + string(s.logs[name])
			path := filepath.Join(stored, filepath.FromSlash(name))
			if name == "lease.json" {
				l, _, err := readLease(t.Context(), s, name)
				if err != nil {
					t.Fatal(err)
				}
				text = strings.ReplaceAll(text, l.Nonce, "NONCE")
			}
			if *update {
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if diff := cmp.Diff(string(want), text); err != nil || diff != "" {
				t.Errorf("%s is stored otherwise than before: %v (-before +now)\n%s", name, err, diff)
			}
		}
		if before := storedNames(t, stored); len(before) != len(names) {
			t.Errorf("stored are %q, before they were %q", names, before)
		}
	})
}

func storedNames(t *testing.T, folder string) (names []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(folder), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// everyField fails for a field that is not filled, so that no field is stored which the
// golden does not show.
func everyField(t *testing.T, where string, v reflect.Value) {
	t.Helper()
	switch {
	case v.IsZero():
		t.Errorf("%s is empty", where)
	case v.Kind() == reflect.Pointer:
		everyField(t, where, v.Elem())
	case v.Kind() == reflect.Slice:
		everyField(t, where, v.Index(0))
	case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]():
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Tag.Get("json") != "-" {
				everyField(t, where+"."+f.Name, v.Field(i))
			}
		}
	}
}

func TestAHistoryOfBeforeIsRead(t *testing.T) {
	// The journal of stored-2 is of before journals had authors.
	undoOf2 := slices.Clone(storedUndo)
	undoOf2[1].Author = nil
	for _, row := range []struct {
		version int
		folder  string
		undo    []Trace
		change  func(*memory)
		trust   Trust
	}{
		{3, stored, storedUndo, func(*memory) {}, Verified},
		{2, stored + "-2", undoOf2, func(*memory) {}, Verified},
		{1, stored + "-2", undoOf2, makeVersion1, Unverified},
	} {
		t.Run(fmt.Sprint(row.version), func(t *testing.T) {
			folder := row.folder
			s := newMemory()
			for _, name := range storedNames(t, folder) {
				text, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(name)))
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasPrefix(name, journalsFolder) {
					s.logs[name] = text
				} else {
					s.objects[name] = text
				}
			}
			row.change(s)
			want := storedRecord() // with the version that its fields have now
			asStored, err := parseRecord(s.objects[want.attempt().record()], "")
			if err != nil || asStored.Version != row.version {
				t.Fatalf("stored with version %d, %v", asStored.Version, err)
			}
			if row.version < RecordVersion {
				want.Narrowed = nil
			}
			h, run := New(s), want.RunID
			if v, err := h.Verify(t.Context(), run); err != nil || v.Trust != row.trust {
				t.Errorf("%+v, %v", v, err)
			}
			whole, err := h.Load(t.Context(), run)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]RunRecord{*want}, whole.Attempts, compareOpts); diff != "" {
				t.Errorf("the record (-stored +read)\n%s", diff)
			}
			undo, err := h.Traces(t.Context(), run)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.undo, undo, compareOpts); diff != "" {
				t.Errorf("what a rollback knows (-want +got)\n%s", diff)
			}
			owner := Owner{RunID: run, Host: "ops-1", PID: 4711, Version: "1.4.0"}
			if l, _, err := readLease(t.Context(), s, "lease.json"); err != nil || l.Owner != owner || l.Expires.Sub(l.Since) != LeaseTTL {
				t.Errorf("the lease is %+v, %v", l, err)
			}
		})
	}
}

// makeVersion1 makes of a stored history of version 2 one from before there were sums and a chain.
func makeVersion1(s *memory) {
	for name, text := range s.objects {
		switch {
		case strings.HasPrefix(name, chainFolder):
			delete(s.objects, name)
		case strings.HasPrefix(name, runsFolder):
			open, _, _ := cutSum(text, indentedForm)
			s.objects[name] = append(bytes.Replace(open, []byte(`"format_version": 2`), []byte(`"format_version": 1`), 1), "\n}\n"...)
		}
	}
}

// TestADamagedOldRecordHidesNothing: what is wrong with a part that only old versions have is
// damage like any other.
func TestADamagedOldRecordHidesNothing(t *testing.T) {
	for version := 1; version < 3; version++ {
		for _, part := range []string{`"failure":"x"`, `"targets":[{"failure":"x"}]`, `"items":[{"failure":7}]`, `"findings":[{"failure":[]}]`} {
			synctest.Test(t, func(t *testing.T) {
				s := newMemory()
				for _, run := range []string{"good", "bad"} {
					recorded := begin(t, s, run)
					if err := recorded.Finish(t.Context(), &RunRecord{State: Finished}); err != nil {
						t.Fatal(err)
					}
					if run == "bad" {
						s.objects[recorded.attempt.record()] = fmt.Appendf(nil, `{"format_version":%d,"run_id":"bad","state":"finished",%s}`, version, part)
					}
				}
				runs, err := New(s).List(t.Context(), ListOptions{All: true})
				got := map[string]State{}
				for i := range runs {
					got[runs[i].ID] = runs[i].State()
				}
				if diff := cmp.Diff(map[string]State{"good": Finished, "bad": Damaged}, got); err != nil || diff != "" {
					t.Errorf("version %d, %s: List: %v (-want +got)\n%s", version, part, err, diff)
				}
				if v, err := New(s).VerifyAll(t.Context(), ""); err != nil || len(v.Runs) != 2 {
					t.Errorf("version %d, %s: VerifyAll: %+v, %v", version, part, v, err)
				}
				if _, err := New(s).Prune(t.Context(), time.Now().Add(time.Hour)); err != nil {
					t.Errorf("version %d, %s: Prune: %v", version, part, err)
				}
			})
		}
	}
}
