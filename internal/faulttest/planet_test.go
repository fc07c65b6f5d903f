package faulttest

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// The places, functions and qualifiers that everything happens to. They are few,
// so that runs, neighbours and fleet files meet.
var (
	east  = desired.Target{Account: "111111111111", Region: "us-east-1"}
	west  = desired.Target{Account: "111111111111", Region: "eu-west-1"}
	other = desired.Target{Account: "222222222222", Region: "us-east-1"} // by an assumed role

	targets    = []desired.Target{east, west, other}
	functions  = []string{"f0", "f1", "f2", "f3"}
	qualifiers = []string{desired.Latest, "1", "2", "beta", "live"}
)

// planet is the pretend AWS with all who live there. Its lock makes a request
// and what it did one step, so that the neighbour never acts in between.
type planet struct {
	world *awssim.World

	failed  map[desired.Key]bool // in the run before
	stories strings.Builder      // all that happened, where somebody wants to know

	mu        sync.Mutex
	changed   map[desired.Key]int // by the neighbour, how often
	functions map[place]life
}

// place is a function in a target.
type place struct {
	desired.Target
	function string
}

// life is what there is of a function, beside $LATEST and version 1.
type life struct{ aliased bool } // it has the alias live

func drawPlanet(t *rapid.T) *planet {
	scenario := &awssim.Scenario{Seed: rapid.Uint64().Draw(t, "world seed"), CallLog: -1, Accounts: []awssim.Account{
		{Account: east.Account, Regions: map[string]awssim.Region{east.Region: {}, west.Region: {}}},
		{
			Account: other.Account, Regions: map[string]awssim.Region{other.Region: {}},
			Roles: []awssim.Role{{Name: "eventinvoke", ExternalID: "fleet-7"}},
		},
	}}
	world, err := awssim.New(scenario)
	if err != nil {
		t.Fatal(err)
	}
	p := &planet{world: world, changed: map[desired.Key]int{}, functions: map[place]life{}}
	for _, target := range targets {
		for _, f := range drawFunctions(t) {
			p.add(t, target, f)
		}
	}
	return p
}

// add puts a function there, in place of any of its name.
func (p *planet) add(t *rapid.T, target desired.Target, f awssim.Function) {
	if err := p.world.AddFunction(target.Account, target.Region, f); err != nil {
		t.Fatal(err)
	}
	p.functions[place{target, f.Name}] = life{aliased: true}
}

func drawFunctions(t *rapid.T) []awssim.Function {
	var all []awssim.Function
	for _, name := range functions {
		if rapid.IntRange(0, 5).Draw(t, "absent") == 0 {
			continue
		}
		f := newFunction(name)
		for _, q := range qualifiers {
			if rapid.Bool().Draw(t, "recorded") {
				f.Records[q] = drawRecord(t)
			}
		}
		all = append(all, f)
	}
	return all
}

// newFunction has one version and one alias: the other qualifiers of the pool
// are for orphans, and for what is not there.
func newFunction(name string) awssim.Function {
	return awssim.Function{Name: name, Versions: []string{"1"}, Aliases: []string{"live"}, Records: map[string]awssim.Record{}}
}

func drawRecord(t *rapid.T) awssim.Record {
	var r awssim.Record
	if n := rapid.IntRange(-1, 2).Draw(t, "retries"); n >= 0 {
		r.MaximumRetryAttempts = &n
	}
	if n := rapid.SampledFrom([]int{0, 60, 3600, 21600}).Draw(t, "age"); n > 0 {
		r.MaximumEventAgeInSeconds = &n
	}
	r.OnSuccess = rapid.SampledFrom([]string{"", "arn:aws:sns:us-east-1:111111111111:done"}).Draw(t, "on_success")
	r.OnFailure = rapid.SampledFrom([]string{"", "arn:aws:sqs:us-east-1:111111111111:dlq", "arn:aws:s3:::failed"}).Draw(t, "on_failure")
	return r
}

// image is one record as it is, and when it was written.
type image struct {
	reconcile.Settings
	modified time.Time
}

// look is the record of a key, nil when there is none. The caller holds the lock.
func (p *planet) look(k desired.Key) *image {
	r, ok := p.world.Record(k.Account, k.Region, k.Function, k.Qualifier)
	if !ok {
		return nil
	}
	number := func(n *int) desired.Value {
		if n == nil {
			return desired.Value{}
		}
		return desired.Number(*n)
	}
	// It does not compile while a setting is not read; drawRecord, decode and asSent have each as well.
	values := [desired.NumSettings]desired.Value([...]desired.Value{
		desired.MaximumRetryAttempts: number(r.MaximumRetryAttempts), desired.MaximumEventAgeInSeconds: number(r.MaximumEventAgeInSeconds),
		desired.OnSuccess: desired.Text(r.OnSuccess), desired.OnFailure: desired.Text(r.OnFailure),
	})
	return &image{Settings: reconcile.NewSettings(values), modified: r.LastModified}
}

// settings is what reports speak of: a record without its time.
func (i *image) settings() *reconcile.Settings {
	if i == nil {
		return nil
	}
	return &i.Settings
}

func (i *image) String() string {
	if i == nil {
		return "no record"
	}
	return spell(&i.Settings) + " of " + i.modified.Format("15:04:05.000")
}

func spell(s *reconcile.Settings) string {
	if s == nil {
		return "no record"
	}
	return fmt.Sprintf("{retries %v, age %v, success %v, failure %v}", s[desired.MaximumRetryAttempts], s[desired.MaximumEventAgeInSeconds], s[desired.OnSuccess], s[desired.OnFailure])
}

func same(a, b *reconcile.Settings) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// moment is the whole planet at one time.
type moment struct {
	images  map[desired.Key]*image
	changed map[desired.Key]int
}

func (p *planet) moment() moment {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := moment{images: map[desired.Key]*image{}, changed: maps.Clone(p.changed)}
	for k := range everyKey {
		m.images[k] = p.look(k)
	}
	return m
}

// quiet reports whether the neighbour left a key alone from one moment to another.
func quiet(from, to moment, k desired.Key) bool { return from.changed[k] == to.changed[k] }

// everyKey visits every key that there may be.
func everyKey(yield func(desired.Key) bool) {
	for _, t := range targets {
		for _, f := range functions {
			for _, q := range qualifiers {
				if !yield(desired.Key{Target: t, Name: desired.Name{Function: f, Qualifier: q}}) {
					return
				}
			}
		}
	}
}

// tell adds a run to the stories.
func (p *planet) tell(r *run) {
	fmt.Fprintf(&p.stories, "%v %s%s\n", r.Started, r.Verb, r.story())
}

// exists reports whether a function, and its alias or version, is there. The
// caller holds the lock.
func (p *planet) exists(k desired.Key) (function, qualifier bool) {
	f, ok := p.functions[place{k.Target, k.Function}]
	return ok, ok && (k.Qualifier == desired.Latest || k.Qualifier == "1" || (k.Qualifier == "live" && f.aliased))
}
