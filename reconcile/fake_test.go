package reconcile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// fakeAWS is one target as a map. Faults are functions of the call, so that a
// test shows its own.
type fakeAWS struct {
	mu       sync.Mutex
	records  map[desired.Name]Settings
	aliases  map[string][]string // by function; a function without an entry does not exist
	versions map[string][]string
	pageSize int
	latency  time.Duration
	details  map[string]desired.FunctionDetails
	fail     func(op string, n desired.Name, attempt int) error // nil: no faults

	calls    []string
	attempts map[string]int
	writing  map[string]int // writes under way, by function
	overlaps int
}

func newFake(functions ...string) *fakeAWS {
	f := &fakeAWS{records: map[desired.Name]Settings{}, aliases: map[string][]string{}, versions: map[string][]string{}, attempts: map[string]int{}, writing: map[string]int{}, pageSize: 50}
	for _, name := range functions {
		f.aliases[name] = nil
	}
	return f
}

// call is what every operation begins with.
func (f *fakeAWS) call(ctx context.Context, op string, n desired.Name) error {
	f.mu.Lock()
	line := op + " " + n.String()
	f.calls = append(f.calls, line)
	f.attempts[line]++
	attempt := f.attempts[line]
	f.mu.Unlock()
	if f.latency > 0 {
		time.Sleep(f.latency)
	}
	if f.fail != nil {
		if err := f.fail(op, n, attempt); err != nil {
			return err
		}
	}
	if _, ok := f.aliases[n.Function]; !ok {
		return refusal(callerr.FunctionMissing, "The function doesn't exist.")
	}
	return nil
}

// named is a page of functions.
func named(names ...string) (all []Function) {
	for _, n := range names {
		all = append(all, Function{Name: n})
	}
	return all
}

func refusal(kind callerr.Kind, text string) error {
	return ratelimit.WithResult(&callerr.Error{Kind: kind, Subject: home.String() + "/f", Code: "X", Message: text}, ratelimit.Permanent, 0)
}

func busy() error {
	return ratelimit.WithResult(&callerr.Error{Kind: callerr.Conflict, Code: "ResourceConflictException", Status: 409}, ratelimit.Conflict, 0)
}

func broken() error {
	return ratelimit.WithResult(&callerr.Error{Kind: callerr.Server, Code: "ServiceException", Status: 500}, ratelimit.ServerError, 0)
}

func (f *fakeAWS) ListConfigs(ctx context.Context, function, marker string) (Page[Record], error) {
	if err := f.call(ctx, "list", name(function, desired.Latest)); err != nil {
		return Page[Record]{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []Record
	for _, n := range slices.SortedFunc(maps.Keys(f.records), desired.Name.Compare) {
		if n.Function == function {
			all = append(all, Record{Qualifier: n.Qualifier, Settings: f.records[n], LastModified: time.UnixMilli(1)})
		}
	}
	return page(all, marker, f.pageSize), nil
}

func (f *fakeAWS) ListAliases(ctx context.Context, function, marker string) (Page[string], error) {
	err := f.call(ctx, "aliases", name(function, desired.Latest))
	f.mu.Lock()
	defer f.mu.Unlock()
	return page(f.aliases[function], marker, f.pageSize), err
}

func (f *fakeAWS) ListVersions(ctx context.Context, function, marker string) (Page[string], error) {
	err := f.call(ctx, "versions", name(function, desired.Latest))
	f.mu.Lock()
	defer f.mu.Unlock()
	return page(f.versions[function], marker, f.pageSize), err
}

func page[T any](all []T, marker string, size int) Page[T] {
	from := 0
	fmt.Sscanf(marker, "at%d", &from)
	to := min(len(all), from+size)
	p := Page[T]{Items: all[from:to]}
	if to < len(all) {
		p.Next = fmt.Sprintf("at%d", to)
	}
	return p
}

// write serialises like AWS: two at once on one function are counted.
func (f *fakeAWS) write(ctx context.Context, op string, n desired.Name, change func()) error {
	f.mu.Lock()
	f.writing[n.Function]++
	if f.writing[n.Function] > 1 {
		f.overlaps++
	}
	f.mu.Unlock()
	err := f.call(ctx, op, n)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writing[n.Function]--
	if err == nil {
		change()
	}
	return err
}

func (f *fakeAWS) Put(ctx context.Context, n desired.Name, c desired.Config) (Record, error) {
	err := f.write(ctx, "put", n, func() { f.records[n] = Settings{}.With(c) })
	return f.stored(n), err
}

func (f *fakeAWS) Update(ctx context.Context, n desired.Name, c desired.Config) (Record, error) {
	err := f.write(ctx, "update", n, func() { f.records[n] = f.records[n].With(c) })
	return f.stored(n), err
}

func (f *fakeAWS) Delete(ctx context.Context, n desired.Name) error {
	return f.write(ctx, "delete", n, func() { delete(f.records, n) })
}

func (f *fakeAWS) stored(n desired.Name) Record {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Record{Qualifier: n.Qualifier, Settings: f.records[n], LastModified: time.UnixMilli(2)}
}

// count is how often calls of one operation were made.
func (f *fakeAWS) count(op string) int {
	n := 0
	for _, c := range f.calls {
		if len(c) > len(op) && c[:len(op)+1] == op+" " {
			n++
		}
	}
	return n
}

// survey and apply run against the fake at 1,000 calls a second.
func (f *fakeAWS) survey(t *testing.T, ctx context.Context, fleet desired.Fleet) Observed {
	t.Helper()
	limiter := fastLimiter()
	defer limiter.Close()
	return survey(ctx, fleet, map[desired.Target]readConn{home: {Reader: f, Limiter: limiter}}, nil, false)
}

func (f *fakeAWS) apply(t *testing.T, ctx context.Context, fleet desired.Fleet, observe func(Step)) Outcome {
	t.Helper()
	fleet.Limits.MaxChanges, fleet.Limits.MaxDeletes = desired.Limit{Number: 1 << 30}, desired.Limit{Number: 1 << 30}
	approved, err := Guard{Limits: fleet.Limits}.approve(NewPlan(fleet, f.survey(t, context.Background(), fleet)))
	if err != nil {
		t.Fatal(err)
	}
	limiter := fastLimiter()
	defer limiter.Close()
	return apply(ctx, approved, map[desired.Target]writeConn{home: {Writer: f, Reader: f, Limiter: limiter, Details: f.details}}, noJournal{}, observe)
}

func fastLimiter() *ratelimit.Limiter {
	return ratelimit.New(ratelimit.Options{Quota: 1000, Share: 1})
}
