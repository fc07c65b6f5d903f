package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

func TestRunIsRecorded(t *testing.T) {
	k := testKey(1)
	change := *modify(k, reconcile.Settings{}, retries(0))
	plan := reconcile.Plan{Targets: []reconcile.TargetPlan{{
		Target: testTarget, Label: "prod", Declared: 3, InSync: 1, Changes: []reconcile.Change{change},
		Findings: []reconcile.Finding{{Name: desired.Name{Function: "gone", Qualifier: "live"}, Kind: reconcile.FindingFunctionMissing}},
	}}}
	outcome := reconcile.Outcome{Targets: []reconcile.TargetOutcome{{
		Target: testTarget, Results: []reconcile.ChangeResult{{
			Change: change, Status: reconcile.Applied, After: new(holding(0)), Modified: 5,
			Stats: ratelimit.CallStats{Attempts: 2, Waited: 1500 * time.Millisecond},
		}},
	}}}
	eachStore(t, func(t *testing.T, s Store) {
		h := New(s)
		r := testRecord("20261122T142058Z-abc")
		r.Callers = []Caller{{Target: testTarget, ARN: "arn:aws:sts::111111111111:assumed-role/ops/me"}}
		r.Files = []desired.FileInfo{{Path: "fleet.yaml", SHA256: "00ff"}}
		r.Selection = desired.Selection{Targets: []string{"prod"}}
		run, err := h.Begin(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if whole, err := h.Load(t.Context(), r.RunID); err != nil || whole.State() != Running {
			t.Errorf("at work: %q, %v, want running", whole.State(), err)
		}
		r.SetPlan(&plan)
		r.SetOutcome(&outcome)
		r.SetAPI(testTarget, []reconcile.OperationCount{{Name: "UpdateFunctionEventInvokeConfig", Calls: 2, Throttled: 1}}, NewLimiterStats(ratelimit.Snapshot{Rate: 13.5}))
		r.State, r.Finished = Finished, time.Now()
		if err := run.Finish(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		whole, err := h.Load(t.Context(), "20261122")
		if err != nil {
			t.Fatal(err)
		}
		want := *r
		want.Version, want.Started = RecordVersion, r.Started
		want.Targets = []TargetRecord{{
			Target: testTarget, Label: "prod",
			Plan:       PlanCounts{Declared: 3, InSync: 1, Changes: 1, Missing: 1},
			Operations: []reconcile.OperationCount{{Name: "UpdateFunctionEventInvokeConfig", Calls: 2, Throttled: 1}},
			Limiter:    NewLimiterStats(ratelimit.Snapshot{Rate: 13.5}),
		}}
		want.Items = []Item{{
			Key: k, Action: reconcile.Update, Status: "applied", Before: &reconcile.Settings{}, Modified: change.Modified,
			Request: retries(0), After: new(holding(0)), AfterModified: 5, Attempts: 2, WaitedMS: 1500,
		}}
		want.Findings = []Finding{{Key: desired.Key{Target: testTarget, Name: desired.Name{Function: "gone", Qualifier: "live"}}, Reason: "function_missing"}}
		if diff := cmp.Diff([]RunRecord{want}, whole.Attempts, compareOpts); diff != "" {
			t.Errorf("the record (-want +got)\n%s", diff)
		}
		if names, err := s.List(t.Context(), ""); err != nil || len(names) != 3 {
			t.Errorf("an ended run without writes leaves %v, %v, want its record, its link and the head", names, err)
		}
	})
}

// Who had made what a run found is known before its first write, and told of a run that was
// killed as of any other: by its journal, and by the run that was made again.
func TestAKilledRunKeepsTheAuthors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, known := newMemory(), testKey(0)
		deploy := insight.Author{Kind: "role", Name: "deploy", Client: "Terraform"}
		r := &reconcile.RunResult{Request: reconcile.Request{ID: "killed", Verb: "apply", Started: time.Now(), Write: true}}
		recorder, err := hold(t, &Memory{History: New(s)}, r)
		if err != nil {
			t.Fatal(err)
		}
		r.Insights.Authors = []insight.Authorship{{Key: known, Author: deploy, At: time.Unix(1_700_000_000, 0).UTC(), Call: "PutFunctionEventInvokeConfig"}}
		if err := recorder.Ready(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			if err := recorder.Intend(t.Context(), testKey(i), modify(testKey(i), holding(2), retries(0))); err != nil {
				t.Fatal(err)
			}
		}
		kill(t, recorder.(*memoryRecorder).run)
		wrong := func(key desired.Key, a *LastAuthor) bool { return (a != nil && a.Author == deploy) != (key == known) }
		undos, err := New(s).Traces(t.Context(), "killed")
		if err != nil || len(undos) != 2 || slices.ContainsFunc(undos, func(u Trace) bool { return wrong(u.Key, u.Author) }) {
			t.Errorf("its journal tells of %+v: %v", undos, err)
		}
		time.Sleep(10 * LeaseTTL)
		if err := begin(t, s, "killed").Finish(t.Context(), &RunRecord{State: Finished}); err != nil {
			t.Fatal(err)
		}
		run, err := New(s).Load(t.Context(), "killed")
		if items := run.Items(); err != nil || len(items) != 2 || slices.ContainsFunc(items, func(i Item) bool { return wrong(i.Key, i.Author) }) {
			t.Errorf("made again, it tells of %+v: %v", items, err)
		}
	})
}

// TestDeadRunIsToldFromOneAtWork also holds that a run which ends while it is
// looked at is not taken for dead.
func TestDeadRunIsToldFromOneAtWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		alive, dead := begin(t, s, "alive"), begin(t, s, "dead")
		dead.alive.endRenewals() // as a SIGKILL
		dead.alive.stop.Stop()
		if err := dead.journal.Close(); err != nil {
			t.Fatal(err)
		}
		state := func(run string) State {
			whole, err := New(s).Load(t.Context(), run)
			if err != nil {
				t.Fatal(err)
			}
			return whole.State()
		}
		if got := state("dead"); got != Running {
			t.Errorf("right after the crash: %s, want running: nobody can know yet", got)
		}
		time.Sleep(10 * LeaseTTL)
		if got := state("alive"); got != Running {
			t.Errorf("a run at work for %s: %s", 10*LeaseTTL, got)
		}
		if got := state("dead"); got != Died {
			t.Errorf("a run without a sign of life: %s, want died", got)
		}
		if err := alive.Finish(t.Context(), &RunRecord{State: Interrupted}); err != nil {
			t.Error(err)
		}
		if got := state("alive"); got != Interrupted {
			t.Errorf("after Finish: %s", got)
		}
	})
}

func TestFinishOfARunThatLookedDeadIsNoError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		run := begin(t, s, "outage")
		s.do(func() { s.before = func(string, string) error { return errors.New("503") } })
		time.Sleep(LeaseTTL)
		s.do(func() { s.before = nil })
		if err := run.Finish(t.Context(), &RunRecord{State: Finished}); err != nil {
			t.Errorf("Finish: %v", err)
		}
	})
}

func TestBeginFindsAStoreThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	rows := []struct {
		why   string
		store func(t *testing.T) Store
		want  []string
	}{
		{"a folder that cannot be made", func(*testing.T) Store { return openDir(t, filepath.Join(file, "x")) }, []string{file, "choose another folder with --history"}},
		{"a bucket that is not there", func(t *testing.T) Store {
			client, _ := newBucket(t)
			return S3(client, "no-such-bucket", "p")
		}, []string{"s3://no-such-bucket/p/", "NoSuchBucket", "there is no such bucket; make it"}},
	}
	for _, row := range rows {
		t.Run(row.why, func(t *testing.T) {
			_, err := New(row.store(t)).Begin(t.Context(), testRecord("r"))
			if err == nil {
				t.Fatal("Begin succeeded")
			}
			for _, want := range append(row.want, "cannot begin") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
		})
	}
}

func TestBeginRefusesWhatCannotBeNamed(t *testing.T) {
	rows := []struct {
		why string
		set func(r *RunRecord)
	}{
		{"a way out of the store", func(r *RunRecord) { r.RunID = "../x" }},
		{"a folder of its own", func(r *RunRecord) { r.RunID = "a/b" }},
		{"no id", func(r *RunRecord) { r.RunID = "" }},
		{"the word for the newest run", func(r *RunRecord) { r.RunID = "latest" }},
		{"a shard past the last", func(r *RunRecord) { r.Shard = shard.Shard{Index: 4, Count: 4} }},
		{"a shard before the first", func(r *RunRecord) { r.Shard = shard.Shard{Index: -1, Count: 4} }},
	}
	for _, row := range rows {
		s := newMemory()
		r := testRecord("r")
		row.set(r)
		if _, err := New(s).Begin(t.Context(), r); err == nil || len(s.objects) != 0 {
			t.Errorf("%s: %v with %d objects written, want an error and none", row.why, err, len(s.objects))
		}
	}
}

func TestRunsAreFound(t *testing.T) {
	s := newMemory()
	h := New(s)
	if _, err := h.Load(t.Context(), "latest"); err == nil || !strings.Contains(err.Error(), "no run is recorded there") {
		t.Errorf("Load from nothing: %v", err)
	}
	began := time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	for i, run := range []string{"job-7", "zeta", "job-71", "alpha"} {
		r := testRecord(run)
		r.Started = began.Add(time.Duration(i) * time.Minute)
		recorded, err := h.Begin(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		r.State = Finished
		if err := recorded.Finish(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	runs, err := h.List(t.Context(), ListOptions{Limit: 3, All: true})
	var got []string
	for _, w := range runs {
		got = append(got, w.ID)
	}
	if diff := cmp.Diff([]string{"alpha", "job-71", "zeta"}, got); err != nil || diff != "" {
		t.Errorf("List(3): %v (-want +got)\n%s", err, diff)
	}
	if _, err := h.Load(t.Context(), "latest"); err == nil || !strings.Contains(err.Error(), "none of its runs wrote anything") {
		t.Errorf("Load of the latest, where no run wrote: %v", err)
	}
	for _, run := range []string{"job-7", "zeta"} {
		s.logs[journalsFolder+run+"/20261122T140000.000000Z-whole.jsonl"] = []byte(beginLine + "\n")
	}
	writers, err := h.List(t.Context(), ListOptions{Limit: 1})
	if err != nil || len(writers) != 1 || writers[0].ID != "zeta" {
		t.Errorf("List of the last that wrote: %d runs, %v, want zeta", len(writers), err)
	}
	rows := []struct{ why, typed, run, err string }{
		{"the newest that wrote", "latest", "zeta", ""},
		{"a whole id", "zeta", "zeta", ""},
		{"the beginning of one", "z", "zeta", ""},
		{"a whole id that is also the beginning of another", "job-7", "job-7", ""},
		{"the beginning of two", "job", "", "job-71 and job-7 among them"},
		{"of none", "beta", "", `no run's id begins with "beta"`},
		{"nothing typed is no beginning", "", "", "no run's id begins"},
	}
	for _, row := range rows {
		whole, err := h.Load(t.Context(), row.typed)
		if whole.ID != row.run || row.err == "" && err != nil || row.err != "" && (err == nil || !strings.Contains(err.Error(), row.err)) {
			t.Errorf("%s: %q, %v, want %q, %q", row.why, whole.ID, err, row.run, row.err)
		}
	}
}

// refusing is a store that does not give one object away.
type refusing struct {
	Store
	name string
	err  error
}

func (s refusing) Read(ctx context.Context, name string) ([]byte, Tag, error) {
	if name == s.name {
		return nil, "", s.err
	}
	return s.Store.Read(ctx, name)
}

func (s refusing) ReadLog(ctx context.Context, name string) ([]byte, error) {
	if name == s.name {
		return nil, s.err
	}
	return s.Store.ReadLog(ctx, name)
}

// TestOneRunHidesNoOther: whatever is wrong with the files of one run, all others can
// be listed, shown, undone and pruned, audits remembered, and runs begun.
func TestOneRunHidesNoOther(t *testing.T) {
	texts := map[string][]byte{"empty": nil, "half": []byte(`{"format_version":2,"run_id":"ba`), "null": []byte("null"), "no field": []byte(`{"format_version":2}`), "a later version": []byte(`{"format_version":9}`), "no text": {0xff, 0}}
	type damage struct {
		name  string
		apply func(s *memory, bad, good attempt) Store
	}
	var damages []damage
	for of, name := range map[string]func(attempt) string{"record": attempt.record, "journal": attempt.journal, "sign of life": attempt.alive} {
		for kind, text := range texts {
			damages = append(damages, damage{of + ": " + kind, func(s *memory, bad, _ attempt) Store {
				s.objects[name(bad)] = text
				return s
			}})
		}
	}
	damages = append(damages,
		damage{"the record is that of another run", func(s *memory, bad, good attempt) Store { s.objects[bad.record()] = s.objects[good.record()]; return s }},
		damage{"the record belongs to somebody else", func(s *memory, bad, _ attempt) Store { return refusing{s, bad.record(), fs.ErrPermission} }},
		damage{"it was pruned meanwhile", func(s *memory, bad, _ attempt) Store { return refusing{s, bad.record(), ErrAbsent} }},
	)
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			s := newMemory()
			old := time.Now().AddDate(-1, 0, 0)
			write(t, s, "good", old)
			write(t, s, "newer", old.Add(time.Hour))
			audits[0].run(t, s)
			bad := begin(t, s, "bad") // still at work
			attempts, err := New(s).attempts(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			h := New(d.apply(s, bad.attempt, attempts["good"][0]))
			runs, err := h.List(t.Context(), ListOptions{All: true})
			shown := map[string]bool{}
			for i := range runs {
				if shown[runs[i].ID] {
					t.Errorf("%s is listed twice", runs[i].ID)
				}
				shown[runs[i].ID] = true
			}
			if err != nil || !shown["good"] || !shown["newer"] || !shown["audit-01"] || shown[""] {
				t.Errorf("List: %v, %v", shown, err)
			}
			if run, err := h.Load(t.Context(), "good"); err != nil || run.State() != Finished || len(run.Items()) != 0 {
				t.Errorf("Load: %v, %v", run, err)
			}
			if undos, err := h.Traces(t.Context(), "good"); err != nil || len(undos) != 1 {
				t.Errorf("Traces: %v, %v", undos, err)
			}
			if trends, _, err := h.Trends(t.Context(), 3); err != nil || len(trends) != 1 {
				t.Errorf("Trends: %v, %v", trends, err)
			}
			if failed := h.failedBefore(t.Context(), "next"); failed == nil {
				t.Error("failedBefore")
			}
			write(t, h.store, "next", time.Now())
			audits[1].run(t, h.store)
			if pruned, err := h.Prune(t.Context(), time.Now().AddDate(0, -1, 0)); err != nil || !slices.Contains(pruned, "good") {
				t.Errorf("Prune: %v, %v", pruned, err)
			}
		})
	}
}

// A link or a head that cannot be read is named beside what is known of every run, and
// nothing is undone on the strength of it.
func TestAChainThatCannotBeReadInPart(t *testing.T) {
	for _, name := range []string{headName, linkName(1), linkName(2)} {
		s := newMemory()
		write(t, s, "one", time.Now().Add(-time.Hour))
		write(t, s, "two", time.Now())
		h := New(refusing{s, name, fs.ErrPermission})
		v, err := h.VerifyAll(t.Context(), "")
		if err != nil || len(v.Runs) != 2 || len(v.Chain) != 1 || !strings.HasSuffix(v.Chain[0].Where, name) || !strings.Contains(v.Chain[0].What, "cannot be read: permission denied") {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
		if _, err := h.Traces(t.Context(), "one"); !errors.As(err, new(*BrokenError)) {
			t.Errorf("%s: Undo: %v", name, err)
		}
	}
}

func TestDamagedRecordHidesNoOtherRun(t *testing.T) {
	s := newMemory()
	for i, run := range []string{"good", "bad", "newer"} {
		recorded := begin(t, s, run)
		if err := recorded.Finish(t.Context(), &RunRecord{State: Finished}); err != nil {
			t.Fatal(err)
		}
		switch i {
		case 1:
			s.objects[recorded.attempt.record()] = []byte("{")
		case 2:
			s.objects[recorded.attempt.record()] = fmt.Appendf(nil, `{"format_version":9,"tool_version":"9.0"}`)
		}
	}
	runs, err := New(s).List(t.Context(), ListOptions{All: true})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]State{}
	var said string
	for i := range runs {
		got[runs[i].ID] = runs[i].State()
		said += runs[i].Attempts[0].Stopped
	}
	if diff := cmp.Diff(map[string]State{"good": Finished, "bad": Damaged, "newer": Damaged}, got); diff != "" {
		t.Errorf("List (-want +got)\n%s", diff)
	}
	for _, want := range []string{"memory/runs/bad/", "is damaged", "format version 9", "(9.0)"} {
		if !strings.Contains(said, want) {
			t.Errorf("the damaged runs do not say %q: %s", want, said)
		}
	}
}

// What a run corrected is gone with it: its record alone can say later who had made it so. What a
// person took to answer is not the run's time, and a no is no failure.
func TestARecordKeepsWhoMadeItSo(t *testing.T) {
	at := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	r := reconcile.RunResult{Surveyed: at, Finished: at.Add(time.Minute), Asked: 20 * time.Second, Declined: true}
	r.Plan.Targets = []reconcile.TargetPlan{{Target: testTarget, Changes: []reconcile.Change{*create(testKey(1), retries(1)), *create(testKey(2), retries(1))}}}
	r.Fleet.MissingQualifiers = desired.MissingWarn
	alice := insight.Author{Kind: "user", Name: "alice"}
	r.Insights.Authors = []insight.Authorship{{Key: testKey(2), Author: alice, At: at, Call: "DeleteFunctionEventInvokeConfig"}}
	var record RunRecord
	(&Memory{}).complete(&record, &r)
	if f, q := record.MissingFunctions, record.MissingQualifiers; f == nil || q == nil || *f != desired.MissingError || *q != desired.MissingWarn {
		t.Errorf("of what does not exist it says %v and %v", f, q)
	}
	if record.State != Declined || record.AskedMS != 20_000 {
		t.Errorf("%s, asked for %d ms", record.State, record.AskedMS)
	}
	want := &LastAuthor{alice, at, "DeleteFunctionEventInvokeConfig"}
	if a, b := record.Items[0].Author, record.Items[1].Author; a != nil || b == nil || *b != *want {
		t.Errorf("got %v and %v, want none and %v", a, b, want)
	}
	if record.shorten(); *record.Targets[0].Drift[1].Author != *want {
		t.Errorf("an audit forgets %v", want)
	}
}
