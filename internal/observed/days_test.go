package observed

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/events"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/trail"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

var days = flag.Int("days", 200, "how many days TestDays simulates")

// fleetText declares by patterns, tags, aliases, patterns for aliases and exactly, so
// that everything that a run discovers has a part.
const fleetText = `version: 1
defaults: {maximum_event_age_in_seconds: 3600}
guard: {max_changes: 100%, max_deletes: 100%, max_errors: 100%}
missing_functions: warn
missing_qualifiers: warn
rules:
  - {match: {functions: ["a*"]}, set: {maximum_retry_attempts: 1}}
  - {match: {functions: ["b*"], tags: {team: x}}, set: {maximum_retry_attempts: 0}}
  - {match: {functions: ["c*"], qualifiers: [live]}, set: {maximum_retry_attempts: 0}}
  - {match: {functions: ["d*"], qualifiers: ["*"]}, set: {maximum_retry_attempts: 0}}
ignore:
  - {functions: ["a*"], tags: {managed: "no"}}
functions:
  - {name: e1, maximum_retry_attempts: 2}
  - {name: e2, remove: true}
require:
  - {name: few, match: {functions: ["e*", "a*"]}, maximum_retry_attempts: {max: 1}}
`

// world is an account as a map, and what its event history shows of it.
type world struct {
	mu        sync.Mutex
	rng       *rand.Rand
	functions map[string]*function
	history   []happened
	ids       int
	doc       *desired.Document
	wrong     map[desired.Name]time.Time // since when a config is not as declared
	readAt    map[string]time.Time       // when each function's records were last read
	began     time.Time                  // of the run under way
	calls     int
	broken    []string // what must not happen and did

	lose        float64
	loseDeletes bool
	delay       time.Duration
	down        bool    // the trail cannot be asked
	fail        float64 // the chance that a function cannot be read
}

type function struct {
	records map[string]reconcile.Record
	aliases map[string]bool
	tags    map[string]string
}

type happened struct {
	events.Hint
	shown time.Time
}

// did notes an event: late, out of order, lost or doubled.
func (w *world) did(name, function, qualifier string, ours bool) {
	w.ids++
	now := time.Now()
	if w.rng.Float64() < w.lose || w.loseDeletes && name == "DeleteFunctionEventInvokeConfig" {
		return
	}
	h := happened{events.Hint{Kind: events.Function, Target: here, Function: function, Qualifier: qualifier, EventID: fmt.Sprint(w.ids), EventTime: now.Truncate(time.Second), EventName: name, Echo: ours},
		now.Add(time.Duration(w.rng.Int64N(int64(w.delay) + 1)))}
	w.history = append(w.history, h)
	if w.rng.IntN(20) == 0 {
		w.history = append(w.history, h)
	}
}

// lookup is an observed.Trail.
func (w *world) lookup(_ context.Context, _ *reconcile.OpenTarget, q trail.Query) *trail.Answer {
	time.Sleep(3 * time.Second)
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	a := &trail.Answer{Asked: now.Truncate(time.Second)}
	if w.down {
		a.Cut = trail.ErrBudget
		return a
	}
	w.history = slices.DeleteFunc(w.history, func(h happened) bool { return h.shown.Before(now.Add(-50 * time.Hour)) })
	for _, h := range w.history {
		if slices.Contains(q.Names, h.EventName) && !h.EventTime.Before(q.From.Truncate(time.Second)) && !h.shown.After(now) {
			a.Events = append(a.Events, h.Hint)
		}
	}
	w.rng.Shuffle(len(a.Events), func(i, j int) { a.Events[i], a.Events[j] = a.Events[j], a.Events[i] })
	return a
}

// truth is what the fleet file declares of what there is.
func (w *world) truth() desired.Fleet {
	inventory := desired.TargetInventory{Tags: map[string]tags{}, Aliases: map[string][]string{}}
	inventory.Functions = slices.Sorted(maps.Keys(w.functions))
	for f, of := range w.functions {
		inventory.Tags[f] = of.tags
		inventory.Aliases[f] = slices.Sorted(maps.Keys(of.aliases))
	}
	fleet, err := w.doc.Resolve(here, desired.Inventory{here: inventory}, desired.Selection{})
	if err != nil {
		panic(err)
	}
	return fleet
}

// judge brings wrong up to date after the world has changed.
func (w *world) judge() {
	now, wrong := time.Now(), map[desired.Name]time.Time{}
	note := func(n desired.Name) {
		wrong[n] = now
		if since, already := w.wrong[n]; already {
			wrong[n] = since
		}
	}
	truth := w.truth().Targets[0]
	for _, j := range truth.Judged {
		for q, r := range w.functions[j.Function].records {
			if r.Settings.Effect(desired.MaximumRetryAttempts).Int() > 1 {
				note(breachOf(desired.Name{Function: j.Function, Qualifier: q}))
			}
		}
		if len(w.functions[j.Function].records) == 0 { // Lambda makes two retries of it
			note(breachOf(desired.Name{Function: j.Function, Qualifier: desired.Latest}))
		}
	}
	for _, e := range truth.Entries {
		f := w.functions[e.Function]
		if f == nil || e.Qualifier != desired.Latest && !f.aliases[e.Qualifier] {
			continue
		}
		r, has := f.records[e.Qualifier]
		if right := !has && (e.Remove || reconcile.Matches(*e.Want, reconcile.Settings{})) || has && !e.Remove && reconcile.Matches(*e.Want, r.Settings); !right {
			note(e.Name)
		}
	}
	w.wrong = wrong
}

// breachOf is what is wrong where a record breaks the requirement.
func breachOf(n desired.Name) desired.Name {
	return desired.Name{Function: n.Function, Qualifier: n.Qualifier + " breaks it"}
}

// happen changes the world as strangers do.
func (w *world) happen() {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.judge()
	name := fmt.Sprintf("%c%d", 'a'+byte(w.rng.IntN(5)), w.rng.IntN(5))
	f := w.functions[name]
	if f == nil || w.rng.IntN(12) == 0 {
		if f != nil {
			delete(w.functions, name)
			w.did("DeleteFunction", name, "", false)
			if w.rng.IntN(2) == 0 {
				return
			}
		}
		w.functions[name] = &function{records: map[string]reconcile.Record{}, aliases: map[string]bool{}, tags: map[string]string{}}
		w.did("CreateFunction", name, "", false)
		return
	}
	qualifier := []string{desired.Latest, desired.Latest, "live", "blue"}[w.rng.IntN(4)]
	switch w.rng.IntN(6) {
	case 0:
		key := []string{"team", "managed"}[w.rng.IntN(2)]
		if f.tags[key] != "" {
			delete(f.tags, key)
			w.did("UntagResource", name, "", false)
		} else {
			f.tags[key] = map[string]string{"team": "x", "managed": "no"}[key]
			w.did("TagResource", name, "", false)
		}
	case 1:
		alias := []string{"live", "blue"}[w.rng.IntN(2)]
		if f.aliases[alias] {
			delete(f.aliases, alias)
			w.did("DeleteAlias", name, alias, false)
		} else {
			f.aliases[alias] = true
			w.did("CreateAlias", name, alias, false)
		}
	case 2:
		if _, has := f.records[qualifier]; has {
			delete(f.records, qualifier)
			w.did("DeleteFunctionEventInvokeConfig", name, qualifier, false)
		}
	default:
		if qualifier != desired.Latest && !f.aliases[qualifier] {
			return
		}
		f.records[qualifier] = reconcile.Record{Qualifier: qualifier, LastModified: time.Now(), Settings: reconcile.Settings{desired.Number(3600), desired.Number(w.rng.IntN(3))}}
		w.did("PutFunctionEventInvokeConfig", name, qualifier, false)
	}
}

// The world as an engine sees it.

func (w *world) Open(_ context.Context, req reconcile.OpenRequest) (reconcile.Opened, error) {
	t := reconcile.OpenTarget{Target: here, Reader: w, Finder: w, Limiter: limiter}
	if req.Write {
		t.Writer = w
	}
	return reconcile.Opened{Ambient: here, Targets: []reconcile.OpenTarget{t}}, nil
}

var limiter *ratelimit.Limiter

func (w *world) function(name string) (*function, error) {
	w.calls++
	f := w.functions[name]
	if f == nil {
		return nil, ratelimit.WithResult(&callerr.Error{Kind: callerr.FunctionMissing, Subject: name}, ratelimit.Permanent, 0)
	}
	return f, nil
}

func (w *world) ListConfigs(_ context.Context, name, _ string) (reconcile.Page[reconcile.Record], error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f, err := w.function(name)
	if err != nil {
		return reconcile.Page[reconcile.Record]{}, err
	}
	if w.rng.Float64() < w.fail {
		return reconcile.Page[reconcile.Record]{}, ratelimit.WithResult(&callerr.Error{Kind: callerr.Denied, Subject: name}, ratelimit.Permanent, 0)
	}
	w.readAt[name] = time.Now()
	return reconcile.Page[reconcile.Record]{Items: slices.Collect(maps.Values(f.records))}, nil
}

func (w *world) ListAliases(_ context.Context, name, _ string) (reconcile.Page[string], error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f, err := w.function(name)
	if err != nil {
		return reconcile.Page[string]{}, err
	}
	return reconcile.Page[string]{Items: slices.Sorted(maps.Keys(f.aliases))}, nil
}

func (w *world) ListVersions(context.Context, string, string) (reconcile.Page[string], error) {
	return reconcile.Page[string]{}, nil
}

func (w *world) ListFunctions(context.Context, string) (page reconcile.Page[reconcile.Function], err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	for _, name := range slices.Sorted(maps.Keys(w.functions)) {
		page.Items = append(page.Items, reconcile.Function{Name: name})
	}
	return page, nil
}

func (w *world) Tagged(_ context.Context, asked []desired.Tag) (map[string]map[string]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[string]map[string]string{}
	for name, f := range w.functions {
		if !slices.ContainsFunc(asked, func(t desired.Tag) bool {
			v, has := f.tags[t.Key]
			return !has || len(t.Values) > 0 && !slices.Contains(t.Values, v)
		}) {
			found[name] = maps.Clone(f.tags)
		}
	}
	return found, nil
}

func (w *world) TagsOf(_ context.Context, names []string) (map[string]map[string]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[string]map[string]string{}
	for _, name := range names {
		if f := w.functions[name]; f != nil && len(f.tags) > 0 {
			found[name] = maps.Clone(f.tags)
		}
	}
	return found, nil
}

// write holds a write to what it may rest on.
func (w *world) write(call string, n desired.Name, change func(*function)) (reconcile.Record, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.judge()
	if w.readAt[n.Function].Before(w.began) {
		w.broken = append(w.broken, fmt.Sprintf("%s of %s, which was read at %s and not in the run that began at %s", call, n, w.readAt[n.Function], w.began))
	}
	f, err := w.function(n.Function)
	if err != nil {
		return reconcile.Record{}, err
	}
	change(f)
	w.did(call, n.Function, n.Qualifier, true)
	return f.records[n.Qualifier], nil
}

func (w *world) Put(_ context.Context, n desired.Name, c desired.Config) (reconcile.Record, error) {
	return w.write("PutFunctionEventInvokeConfig", n, func(f *function) {
		f.records[n.Qualifier] = reconcile.Record{Qualifier: n.Qualifier, LastModified: time.Now(), Settings: reconcile.Settings{}.With(c)}
	})
}

func (w *world) Update(_ context.Context, n desired.Name, c desired.Config) (reconcile.Record, error) {
	return w.write("UpdateFunctionEventInvokeConfig", n, func(f *function) {
		f.records[n.Qualifier] = reconcile.Record{Qualifier: n.Qualifier, LastModified: time.Now(), Settings: f.records[n.Qualifier].With(c)}
	})
}

func (w *world) Delete(_ context.Context, n desired.Name) error {
	_, err := w.write("DeleteFunctionEventInvokeConfig", n, func(f *function) { delete(f.records, n.Qualifier) })
	return err
}

// place is a store of one file, in which a run can die.
type place struct {
	history.Store // for what observations do not use
	mu            sync.Mutex
	data          []byte
	version       int
	dead          bool // writes get lost, as those of a process that was killed
}

func (p *place) Read(context.Context, string) ([]byte, history.Tag, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.data == nil {
		return nil, "", history.ErrAbsent
	}
	return slices.Clone(p.data), history.Tag(fmt.Sprint(p.version)), nil
}

func (p *place) Delete(context.Context, string, history.Tag) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.data = nil
	return nil
}

func (p *place) Write(_ context.Context, _ string, data []byte, tag history.Tag) (history.Tag, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.dead:
		return "", context.Canceled
	case p.data == nil && tag != "" || p.data != nil && tag != history.Tag(fmt.Sprint(p.version)):
		return "", history.ErrChanged
	}
	p.version++
	p.data = data
	return history.Tag(fmt.Sprint(p.version)), nil
}

// TestDays lives through days of a fleet in virtual time: strangers change configs,
// functions, aliases and tags; the trail is up to 90 minutes late, shows some events twice
// and none in order, loses one in a hundred, or every delete, or half of all; runs look at
// odd times, some write, some die before they have stored what they saw, some go on side
// by side, some reads fail; files are damaged, clocks stepped. What holds: no config that
// was wrong for longer than the maximum age is reported in sync or not at all; where the
// trail loses nothing, none that was wrong for longer than its delay; no write rests on
// what was not read in its run; nothing carried is older than the maximum age.
func TestDays(t *testing.T) {
	const stretch = 25 // days that one world lives
	for seed := range uint64((*days + stretch - 1) / stretch) {
		synctest.Test(t, func(t *testing.T) { live(t, seed, stretch) })
		if t.Failed() {
			return
		}
	}
}

func live(t *testing.T, seed uint64, days int) {
	const maxAge = 24 * time.Hour
	rng := rand.New(rand.NewPCG(seed, 7))
	doc, err := desired.Load(fstest.MapFS{"fleet.yaml": {Data: []byte(fleetText)}}, "fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		rng: rand.New(rand.NewPCG(seed, 8)), functions: map[string]*function{}, doc: doc, wrong: map[desired.Name]time.Time{}, readAt: map[string]time.Time{},
		lose: []float64{0.01, 0.01, 0, 0.5}[seed%4], loseDeletes: seed%4 == 1, delay: 90 * time.Minute,
	}
	limiter = ratelimit.New(ratelimit.Options{Quota: 1000})
	defer limiter.Close()
	store := &place{Store: history.Discard()}
	o := &Observations{Store: store, Trail: w.lookup, MaxAge: maxAge, Delay: DefaultDelay, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	for range 60 {
		w.happen()
	}
	full, carried, missed := 0, 0, 0
	run := func(write bool, orphans bool) {
		req := reconcile.Request{ID: "run", Started: time.Now(), Wishes: reconcile.FleetWishes{Document: doc}, Write: write, LookForOrphans: orphans}
		r, err := reconcile.Engine{Opener: w, Observations: o}.Run(t.Context(), req)
		if r.Err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		reported, unjudged := map[desired.Name]bool{}, map[string]bool{}
		p := &r.Plan.Targets[0]
		for i := range p.Changes {
			reported[p.Changes[i].Name] = true
		}
		for i := range p.Findings {
			reported[p.Findings[i].Name] = true
		}
		for i := range p.Breaches {
			reported[breachOf(p.Breaches[i].Name)] = true
		}
		for _, u := range p.Unjudged {
			unjudged[u.Function] = true
		}
		bound := maxAge
		if w.lose == 0 && !w.loseDeletes {
			bound = w.delay + time.Minute
		}
		for n, since := range w.wrong {
			if age := r.Surveyed.Sub(since); !reported[n] && !unjudged[n.Function] && age > bound {
				t.Errorf("seed %d: %s is reported in sync, or not at all, and has been wrong for %s: %+v", seed, n, age, p.Evidence)
			}
		}
		if e := p.Evidence; e.Carried > 0 && (r.Surveyed.Sub(e.Oldest) > maxAge || e.TooOld) {
			t.Errorf("seed %d: carried at the age of %s", seed, r.Surveyed.Sub(e.Oldest))
		}
		if p.Evidence.Full != "" {
			full++
		}
		carried += p.Evidence.Carried
		missed += p.Evidence.Missed
	}
	for end := time.Now().Add(time.Duration(days) * 24 * time.Hour); time.Now().Before(end) && !t.Failed(); {
		time.Sleep(time.Duration(5+rng.IntN(85)) * time.Minute)
		for range rng.IntN(3) {
			w.happen()
			time.Sleep(time.Duration(rng.IntN(3000)) * time.Millisecond)
		}
		w.fail = []float64{0, 0, 0.05}[rng.IntN(3)]
		w.down = rng.IntN(100) == 0
		store.dead = rng.IntN(12) == 0
		w.began = time.Now()
		if rng.IntN(10) == 0 { // two at a time, and somebody who changes things meanwhile
			var wg sync.WaitGroup
			wg.Go(func() { run(false, true) })
			wg.Go(func() { time.Sleep(time.Second); run(false, false) })
			wg.Go(func() { time.Sleep(time.Duration(rng.IntN(8)) * time.Second); w.happen() })
			wg.Wait()
		} else {
			run(rng.IntN(4) == 0, rng.IntN(3) == 0)
		}
		switch rng.IntN(150) {
		case 0:
			if store.data != nil {
				store.data[rng.IntN(len(store.data))] ^= 4
			}
		case 1: // the clock had been wrong until now
			step(store, time.Duration(rng.IntN(300)-60)*time.Minute, 90*time.Minute)
		case 2: // nobody looks for a while
			time.Sleep(time.Duration(rng.IntN(40)) * time.Hour)
		}
		for _, what := range w.broken {
			t.Errorf("seed %d: %s", seed, what)
		}
	}
	if w.lose == 0 && !w.loseDeletes && missed > 0 {
		t.Errorf("seed %d: %d missed by a trail that loses nothing", seed, missed)
	}
	if carried == 0 || full == 0 || (w.lose > 0.1 || w.loseDeletes) && missed == 0 {
		t.Errorf("seed %d: %d carried, %d full reads, %d missed: the days had not in them what they are to test", seed, carried, full, missed)
	}
	t.Logf("seed %d: %d calls, %d carried, %d full reads, %d missed by the trail", seed, w.calls, carried, full, missed)
}

// step makes a file that was just written look as if its clock had been behind, or ahead
// by more than passes are apart: what is wrong by less than the time until the next look
// cannot be told from the file.
func step(p *place, ahead, shows time.Duration) {
	s, err := decode(p.data, here)
	if err != nil || ahead > 0 && ahead < shows || time.Since(s.Written) > time.Minute {
		return
	}
	s.Written, s.Looked = s.Written.Add(ahead), s.Looked.Add(ahead)
	if !s.Listed.IsZero() {
		s.Listed = s.Listed.Add(ahead)
	}
	for _, o := range s.functions {
		o.Seen += ahead.Milliseconds()
	}
	p.data, _ = s.encode()
}
