package reconcile

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// paced is a world whose every call takes a token of a quota, as the client of AWS does.
type paced struct {
	*listed
	quota   float64
	limiter *ratelimit.Limiter
}

func (w *paced) Open(_ context.Context, req OpenRequest) (Opened, error) {
	w.limiter = ratelimit.New(ratelimit.Options{Quota: w.quota, Share: 1})
	o := Opened{Targets: []OpenTarget{{Target: home, Reader: w, Finder: w, Limiter: w.limiter}}}
	if req.Write {
		o.Targets[0].Writer = w
	}
	return o, nil
}

func (w *paced) token(ctx context.Context) error {
	grant, err := w.limiter.Acquire(ctx, ratelimit.PriorityFrom(ctx))
	if err == nil {
		grant.Done(ratelimit.OK, 0)
	}
	return err
}

func (w *paced) ListFunctions(ctx context.Context, marker string) (Page[Function], error) {
	for range 2 { // the first token is there at once
		if err := w.token(ctx); err != nil {
			return Page[Function]{}, err
		}
	}
	return w.listed.ListFunctions(ctx, marker)
}

func (w *paced) ListConfigs(ctx context.Context, function, marker string) (Page[Record], error) {
	if err := w.token(ctx); err != nil {
		return Page[Record]{}, err
	}
	return w.listed.ListConfigs(ctx, function, marker)
}

func (w *paced) Put(ctx context.Context, n desired.Name, c desired.Config) (Record, error) {
	if err := w.token(ctx); err != nil {
		return Record{}, err
	}
	return w.listed.Put(ctx, n, c)
}

// goes runs the engine in virtual time.
func (w *paced) goes(t *testing.T, req Request, limit time.Duration) (r *RunResult) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		if limit > 0 {
			limited, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			ctx = limited
		}
		req.ID, req.Started = "r", time.Now()
		r, _ = Engine{Opener: w}.Run(ctx, req)
		w.limiter.Close()
	})
	return r
}

func documentOf(t *testing.T, yaml string) *desired.Document {
	t.Helper()
	d, err := desired.Loader{Stdin: strings.NewReader("version: 1\ntargets: [{ name: home, account: \"111111111111\", regions: [eu-west-1] }]\n" + yaml)}.LoadFiles("-")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A run that has no time left says so, wherever it was, also when it gave up before the
// time was over; one that ends for another reason says that one.
func TestARunThatHasNoTimeLeftSaysSo(t *testing.T) {
	document := documentOf(t, "rules: [{ match: { functions: [\"*\"] }, set: { maximum_retry_attempts: 0 } }]\n")
	for _, row := range []struct {
		why            string
		quota          float64
		timeout, limit time.Duration
		broken         bool // nothing may be read
		stopped, err   error
	}{
		{"enough time", 10, time.Hour, 0, false, nil, nil},
		{"no limit", 1, 0, 0, false, nil, nil},
		{"none for the listing", 1, time.Second / 2, 0, false, ErrTimeUp, nil},
		{"nor for that of a part", 1, time.Second / 2, 0, false, ErrTimeUp, ErrTimeUp},
		{"none for all reads", 1, 5 * time.Second, 0, false, ErrTimeUp, nil},
		{"none for all writes", 1, 15 * time.Second, 0, false, ErrTimeUp, nil},
		{"a target with a reason of its own", 10, time.Hour, 0, true, nil, nil},
		{"the caller's deadline is the caller's", 1, 0, time.Second / 2, false, nil, context.DeadlineExceeded},
	} {
		w := &paced{listed: &listed{fakeAWS: newFake(numbered("f-%02d", 10)...)}, quota: row.quota}
		if row.broken {
			w.fail = refusing("list", callerr.Denied, func(string) bool { return true })
		}
		wishes := FleetWishes{Document: document}
		if row.err != nil { // without a listing a part is empty, and that is an error
			wishes.Selection.Functions = []string{"f-*"}
		}
		r := w.goes(t, Request{Write: true, GuardOff: "test", Timeout: row.timeout, Wishes: wishes}, row.limit)
		if !errors.Is(r.Stopped, row.stopped) || !errors.Is(r.Err, row.err) || row.err == nil && r.Err != nil {
			t.Errorf("%s: stopped by %v, and the error is %v", row.why, r.Stopped, r.Err)
		}
		if done := len(w.records) == 10; done != (row.stopped == nil && row.err == nil && !row.broken) {
			t.Errorf("%s: %d were written", row.why, len(w.records))
		}
	}
}

// A saved plan is carried out as far as its records are what they were, and only where
// the fleet files ask for each of its changes today.
func TestASavedPlanIsHeldAgainstTheFiles(t *testing.T) {
	const files = "functions: [{ name: a, maximum_retry_attempts: 0 }, { name: b, remove: true }]\nundeclared: delete\n"
	document := documentOf(t, files)
	world := func() *paced {
		w := &paced{listed: &listed{fakeAWS: newFake("a", "b", "c")}, quota: 1000}
		w.records[name("a", "old")], w.records[name("b", desired.Latest)] = Settings{}, Settings{}
		w.records[name("c", desired.Latest)] = Settings{}
		w.aliases["a"] = []string{"old"}
		return w
	}
	forged := &desired.Origins{Entry: desired.Origin{File: "forged.yaml", Line: 1, Layer: desired.LayerRule}}
	saved := world().goes(t, Request{GuardOff: "test", Wishes: FleetWishes{Document: document}}, 0).Plan
	run := func(w *paced, d *desired.Document, plan Plan, owns func(desired.Target) bool) (r *RunResult, confirmed bool) {
		r = w.goes(t, Request{Write: true, GuardOff: "test", Wishes: planWishes{FleetWishes{Document: d, InShard: owns}, plan},
			Confirm: func(context.Context, *RunResult) bool { confirmed = true; return true }}, 0)
		return r, confirmed
	}
	w := world()
	if r, confirmed := run(w, document, saved, nil); r.Err != nil || !confirmed || !maps.Equal(w.records, map[desired.Name]Settings{name("a", desired.Latest): Settings(retries(0)), name("c", desired.Latest): {}}) {
		t.Errorf("as approved: %v, %v", r.Err, w.records)
	}

	// What a file tells beside the changes is for whoever reads it.
	told := Plan{Targets: slices.Clone(saved.Targets)}
	told.Targets[0].InSync, told.Targets[0].Skipped, told.Targets[0].Declared = 5, 5, 500
	told.Targets[0].Ignored = []desired.Ignored{{Name: name("a", desired.Latest)}}
	told.Targets[0].Findings = []Finding{{Name: name("a", desired.Latest), Kind: FindingUnreadable}}
	told.Targets[0].Changes = slice.Map(saved.Targets[0].Changes, func(c Change) Change { c.Origins = forged; return c })
	w = world()
	r, confirmed := run(w, document, told, nil)
	if want := (PlanCounts{Declared: 3, Creates: 1, Deletes: 2}); r.Err != nil || !confirmed || r.Plan.Counts() != want || len(w.records) != 2 {
		t.Errorf("a file that tells more: %v, %+v, %v", r.Err, r.Plan.Counts(), w.records)
	}
	for _, c := range r.Plan.Targets[0].Changes {
		if c.Origins == forged || (c.Origins == nil) != (c.Qualifier == "old") {
			t.Errorf("%s is said to be asked for at %+v", c.Name, c.Origins)
		}
	}

	w = world()
	w.records[name("a", desired.Latest)] = Settings(retries(1))
	delete(w.records, name("a", "old"))
	delete(w.records, name("b", desired.Latest))
	if r, confirmed := run(w, document, saved, nil); r.Err != nil || confirmed || r.Plan.Counts().Stale != 3 || r.Outcome.Counts().Stale != 3 {
		t.Errorf("nothing is as it was: %v, asked: %v, %+v", r.Err, confirmed, r.Plan.Counts())
	}

	w = world()
	if r, _ := run(w, document, saved, func(desired.Target) bool { return false }); r.Err != nil || len(r.Plan.Targets) != 0 || len(w.records) != 3 {
		t.Errorf("a target of another shard: %v, %+v", r.Err, r.Plan)
	}

	config := func(n int) *desired.Config { c := retries(n); return &c }
	for why, c := range map[string]Change{
		"another value":                          {Name: name("a", desired.Latest), Action: Create, Want: config(1)},
		"no value":                               {Name: name("a", desired.Latest), Action: Create},
		"a delete of what is declared":           {Name: name("a", desired.Latest), Action: Delete, Want: config(0)},
		"a write of what is to go":               {Name: name("b", desired.Latest), Action: Update, Want: config(0)},
		"a write of what nobody declares":        {Name: name("a", "old"), Action: Update, Want: config(0)},
		"the same with nothing to write":         {Name: name("a", "old"), Action: Update},
		"a delete that wants something":          {Name: name("a", "old"), Action: Delete, Want: config(0)},
		"a delete of a function nobody declares": {Name: name("c", desired.Latest), Action: Delete},
		"a restore":                              {Name: name("a", desired.Latest), Action: Restore, Want: config(0)},
	} {
		w := world()
		if r, _ := run(w, document, Plan{Targets: []TargetPlan{{Target: home, Changes: []Change{c}}}}, nil); r.Err == nil || !strings.Contains(r.Err.Error(), "that the fleet files do not ask for") || len(w.records) != 3 {
			t.Errorf("%s: %v", why, r.Err)
		}
	}
	keep := documentOf(t, strings.Replace(files, "delete", "report", 1))
	if r, _ := run(world(), keep, saved, nil); r.Err == nil || !strings.Contains(r.Err.Error(), "a:old that the fleet files do not ask for") {
		t.Errorf("where nothing undeclared is deleted any more: %v", r.Err)
	}
}

// A part of a fleet is measured against the whole: by function, by target, by shard.
func TestAPartKnowsTheWhole(t *testing.T) {
	document := documentOf(t, "functions: [{ name: a, maximum_retry_attempts: 0 }, { name: b, maximum_retry_attempts: 0 }]\n")
	all := func(desired.Target) bool { return true }
	for _, row := range []struct {
		wishes FleetWishes
		opened int
		fleet  int // what the guard is told of the whole
	}{
		{FleetWishes{}, 1, 0},
		{FleetWishes{InShard: all}, 1, 0},
		{FleetWishes{InShard: func(desired.Target) bool { return false }}, 0, 0},
		{FleetWishes{InShard: all, Selection: desired.Selection{Targets: []string{"other"}}}, 0, 0},
		{FleetWishes{Selection: desired.Selection{Functions: []string{"a"}}}, 1, 2},
		{FleetWishes{Selection: desired.Selection{Targets: []string{"home"}}}, 1, 2},
		{FleetWishes{Selection: desired.Selection{Targets: []string{"home"}, Functions: []string{"b"}}}, 1, 2},
	} {
		row.wishes.Document = document
		targets, _ := row.wishes.Targets()
		_, base, err := row.wishes.Resolve(t.Context(), desired.Target{}, nil)
		if len(targets) != row.opened || base.Fleet != row.fleet || (err != nil) != (len(row.wishes.Selection.Targets) > 0 && row.opened == 0) {
			t.Errorf("%+v: %d targets, %+v, %v", row.wishes.Selection, len(targets), base, err)
		}
	}
}

// Warnings refuse a plan only where that was asked for, and where there are any; then
// nothing is written.
func TestStrict(t *testing.T) {
	clean := "functions: [{ name: a, maximum_retry_attempts: 0 }]\n"
	idle := "rules: [{ match: { functions: [nothing] }, set: { maximum_retry_attempts: 1 } }]\n"
	for _, row := range []struct {
		yaml    string
		strict  bool
		refused bool
	}{{clean, true, false}, {clean + idle, false, false}, {clean + idle, true, true}} {
		for _, write := range []bool{false, true} {
			f := newFake("a")
			r := (&paced{listed: &listed{fakeAWS: f}, quota: 1000}).goes(t, Request{Strict: row.strict, Write: write, Wishes: FleetWishes{Document: documentOf(t, row.yaml)}}, 0)
			if errors.Is(r.Refused, ErrStrict) != row.refused || r.Plan.Counts().Changes() != 1 {
				t.Errorf("strict %v over %q: %v", row.strict, row.yaml, r.Refused)
			}
			if wrote := f.count("put") > 0; wrote != (write && !row.refused) {
				t.Errorf("strict %v over %q, asked to write %v: written %v", row.strict, row.yaml, write, wrote)
			}
		}
	}
}

// What a target left undone for a reason of its own is no lack of time: more of it would
// not have helped.
func TestWhatIsLeftUndoneForWantOfTime(t *testing.T) {
	unread := []Finding{{Name: name("a", desired.Latest), Kind: FindingNotExamined}}
	for _, row := range []struct {
		why     string
		timeout time.Duration
		plan    TargetPlan
		outcome *TargetOutcome
		want    error
	}{
		{"nothing", time.Minute, TargetPlan{}, nil, nil},
		{"reads", time.Minute, TargetPlan{Findings: unread}, nil, ErrTimeUp},
		{"reads without a limit of time", 0, TargetPlan{Findings: unread}, nil, nil},
		{"reads of a target that failed too often", time.Minute, TargetPlan{Findings: unread, Stopped: ErrErrorBudget}, nil, nil},
		{"writes", time.Minute, TargetPlan{}, &TargetOutcome{Results: []ChangeResult{{Status: NotAttempted}}}, ErrTimeUp},
		{"writes of a target that failed too often", time.Minute, TargetPlan{}, &TargetOutcome{Stopped: ErrErrorBudget, Results: []ChangeResult{{Status: NotAttempted}}}, nil},
		{"a write with a reason of its own", time.Minute, TargetPlan{}, &TargetOutcome{Results: []ChangeResult{{Status: NotAttempted, Err: broken()}}}, nil},
	} {
		sound := TargetPlan{Target: desired.Target{Account: "222222222222", Region: home.Region}}
		for _, targets := range [][]TargetPlan{{row.plan, sound}, {sound, row.plan}} { // in any place
			r := &RunResult{Request: Request{Timeout: row.timeout}, Plan: Plan{Targets: targets}}
			if row.outcome != nil {
				r.Outcome = &Outcome{Targets: []TargetOutcome{{}, *row.outcome}}
			}
			if got := r.stopped(t.Context()); !errors.Is(got, row.want) || (got == nil) != (row.want == nil) {
				t.Errorf("%s: %v, want %v", row.why, got, row.want)
			}
		}
	}
}

// Who cannot hold the targets of a run ends it, also where there is nothing to give back.
func TestARunThatCannotBeHeld(t *testing.T) {
	refused := errors.New("no history there")
	aws := newFake("a")
	r, err := Engine{Opener: &paced{listed: &listed{fakeAWS: aws}, quota: 1000}, Memory: noMemory{err: refused}}.Run(t.Context(), Request{
		Write: true, Wishes: FleetWishes{Document: documentOf(t, "functions: [{ name: a, maximum_retry_attempts: 0 }]\n")},
	})
	if !errors.Is(r.Err, refused) || !errors.Is(err, refused) || len(aws.calls) != 0 {
		t.Errorf("%v, %v, calls %q", r.Err, err, aws.calls)
	}
}

// noMemory holds nothing.
type noMemory struct {
	unrecorded
	err error
}

func (m noMemory) Begin(*RunResult) Recorder              { return m }
func (m noMemory) Hold(context.Context, *RunResult) error { return m.err }
