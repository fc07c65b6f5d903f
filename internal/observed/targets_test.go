package observed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/trail"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// A run over several targets does with each of them what a run over it alone does, whatever it
// does with those before and after it.
func TestEachTargetIsRememberedForItself(t *testing.T) {
	kinds := []string{"remembered", "not opened", "small", "small, as turns out", "new", "exact", "lost"}
	rapid.Check(t, func(rt *rapid.T) {
		together := rapid.SliceOfN(rapid.SampledFrom(kinds), 2, 6).Draw(rt, "targets")
		synctest.Test(t, func(*testing.T) {
			all := remember(rt, together)
			for i, kind := range together {
				alone := make([]string, len(together))
				alone[i] = kind
				if of := remember(rt, alone)[i]; all[i] != of {
					rt.Errorf("%v: target %d, which is %s, comes to\n%s\nand alone to\n%s", together, i, kind, all[i], of)
				}
			}
		})
	})
}

// needs are wishes of which only what has to be discovered is asked.
type needs struct {
	reconcile.Wishes
	all []desired.Discovery
}

func (n needs) Discoveries(desired.Target) []desired.Discovery { return n.all }

// files are a store of more than one file.
type files struct {
	history.Store
	mu  sync.Mutex
	all map[string]*place
}

func (s *files) of(name string) *place {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[name] == nil {
		s.all[name] = &place{Store: s.Store}
	}
	return s.all[name]
}

func (s *files) Read(ctx context.Context, name string) ([]byte, history.Tag, error) {
	return s.of(name).Read(ctx, name)
}

func (s *files) Write(ctx context.Context, name string, data []byte, tag history.Tag) (history.Tag, error) {
	return s.of(name).Write(ctx, name, data, tag)
}

// remember is what a run over targets of some kinds, "" for none, comes to in each.
func remember(t *rapid.T, kinds []string) []string {
	now := time.Now()
	store := &files{Store: history.Discard(), all: map[string]*place{}}
	want, settings := &desired.Config{desired.Number(3600)}, &reconcile.Settings{desired.Number(3600)}
	r, n, fleet, found := &reconcile.RunResult{}, needs{}, desired.Fleet{}, desired.Inventory{}
	kindOf := map[desired.Target]string{}
	at := func(i int) desired.Target {
		return desired.Target{Account: fmt.Sprintf("%012d", i+1), Region: "eu-west-1"}
	}
	for i, kind := range kinds {
		if kind == "" {
			continue
		}
		target := at(i)
		kindOf[target] = kind
		spec := desired.TargetSpec{Target: target}
		seen := reconcile.ObservedTarget{Target: target}
		need := desired.Discovery{Target: target, ListFunctions: kind != "exact"}
		s := newState(target)
		s.Written, s.Looked, s.Listed, s.Need = now, now, now, needOf(need)
		for j := range 3 + i {
			f := fmt.Sprintf("f%d", j)
			s.Names = append(s.Names, f)
			entry := desired.Entry{Name: desired.Name{Function: f, Qualifier: desired.Latest}, Want: want, Origins: &desired.Origins{}}
			spec.Entries = append(spec.Entries, entry)
			s.functions[f] = &observation{CarriedFunction: reconcile.CarriedFunction{
				Function: f, State: reconcile.FunctionPresent, Seen: now.Add(-time.Duration(j) * time.Minute).UnixMilli(),
				Records: []reconcile.ObservedRecord{{Qualifier: desired.Latest, Settings: settings, Modified: now.UnixMilli()}},
			}, asked: askedOf(&spec, desired.UndeclaredReport, []desired.Entry{entry})}
			seen.Functions = append(seen.Functions, reconcile.ObservedFunction{Function: f, State: reconcile.FunctionPresent, Seen: now.UnixMilli()})
		}
		open := reconcile.OpenTarget{Target: target}
		switch kind {
		case "not opened":
			open.Err = errors.New("no role")
		case "lost":
			seen.Err = errors.New("lost")
		}
		if kind == "new" || kind == "small, as turns out" {
			store.of(fileName(target))
		} else if data, err := s.encode(); err == nil {
			store.of(fileName(target)).data = data
		}
		r.Opened.Targets, n.all = append(r.Opened.Targets, open), append(n.all, need)
		r.Read.Targets, fleet.Targets = append(r.Read.Targets, seen), append(fleet.Targets, spec)
		if kind != "exact" {
			found[target] = desired.TargetInventory{Functions: s.Names}
		}
	}
	r.Wishes = n
	o := &Observations{
		Store: store, MaxAge: DefaultMaxAge, Delay: DefaultDelay, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Trail: func(context.Context, *reconcile.OpenTarget, trail.Query) *trail.Answer {
			return &trail.Answer{Asked: now}
		},
		All: func(t *reconcile.OpenTarget, functions int) bool {
			kind := kindOf[t.Target]
			return kind == "small" || kind == "small, as turns out" && functions > 0
		},
	}
	c := o.Recall(context.Background(), r)
	narrowed := c.Narrow(n.all)
	found = c.Complete(found)
	carried := c.Carry(fleet)
	var evidence []*insight.Evidence
	for i := range kinds {
		evidence = append(evidence, c.Evidence(at(i), &r.Read))
	}
	c.Save(context.Background(), r)
	all := make([]string, len(kinds))
	for i, kind := range kinds {
		if kind == "" {
			continue
		}
		target := at(i)
		inventory, discovered := found[target]
		if discovered == (kind == "exact") {
			t.Errorf("%s: discovered: %v", kind, discovered)
		}
		if carries := kind == "remembered" || kind == "exact" || kind == "lost"; carries != (len(carried[target]) > 0) {
			t.Errorf("%s: carried %v", kind, carried[target])
		}
		all[i] = fmt.Sprintf("lists functions: %v\nfound %+v\n", reconcile.FindTarget(narrowed, target).ListFunctions, inventory)
		for _, f := range carried[target] {
			all[i] += "carried " + f.Function + "\n"
		}
		if evidence[i] != nil {
			all[i] += fmt.Sprintf("evidence %+v\n", *evidence[i])
		}
		all[i] += fmt.Sprintf("kept %q", store.of(fileName(target)).data)
	}
	return all
}
