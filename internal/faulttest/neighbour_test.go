package faulttest

import (
	"context"
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// deed is one thing that somebody else does, after a time.
type deed struct {
	after  time.Duration
	kind   string
	key    desired.Key
	record awssim.Record
	lasts  time.Duration
}

func (d deed) String() string { return fmt.Sprintf("after %v: %s %v", d.after, d.kind, d.key) }

var deedKinds = []string{
	"edit", "edit", "edit", "replace", "delete", "busy",
	"remove function", "add function", "remove alias", "add alias", "expire sessions",
}

// drawDeeds makes a plan for the neighbour, over as long as a run may take.
func drawDeeds(t *rapid.T, most int) []deed {
	deeds := make([]deed, rapid.IntRange(0, most).Draw(t, "deeds"))
	for i := range deeds {
		deeds[i] = deed{
			// Odd instants, so that few things happen at the very same one.
			after: time.Duration(rapid.IntRange(1, 4000).Draw(t, "after"))*1000003 + time.Duration(i),
			kind:  rapid.SampledFrom(deedKinds).Draw(t, "deed"),
			key: desired.Key{
				Target: rapid.SampledFrom(targets).Draw(t, "where"),
				Name: desired.Name{
					Function:  rapid.SampledFrom(functions).Draw(t, "function"),
					Qualifier: rapid.SampledFrom(qualifiers).Draw(t, "qualifier"),
				},
			},
			record: drawRecord(t),
			lasts:  time.Duration(rapid.IntRange(1, 60).Draw(t, "lasts")) * time.Second,
		}
	}
	return deeds
}

// live does the deeds one after the other until ctx ends.
func (p *planet) live(ctx context.Context, t *rapid.T, deeds []deed) {
	for _, d := range deeds {
		select {
		case <-time.After(d.after):
			if err := p.act(t, d); err != nil {
				panic(err) // the neighbour only does what can be done
			}
		case <-ctx.Done():
			return
		}
	}
}

// act does one deed. One about what is not there is no deed.
func (p *planet) act(t *rapid.T, d deed) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	k, w := d.key, p.world
	at := place{k.Target, k.Function}
	f, there := p.functions[at]
	switch {
	case d.kind == "expire sessions":
		w.ExpireSessions(other.Account)
		return nil
	case d.kind == "add function" && !there:
		p.add(t, k.Target, newFunction(k.Function))
		p.touchAll(at)
		return nil
	case !there || d.kind == "add function":
		return nil
	}
	switch d.kind {
	case "edit":
		r, _ := w.Record(k.Account, k.Region, k.Function, k.Qualifier)
		r.MaximumRetryAttempts, r.OnFailure, r.LastModified = d.record.MaximumRetryAttempts, d.record.OnFailure, time.Time{}
		p.changed[k]++
		return w.SetRecord(k.Account, k.Region, k.Function, k.Qualifier, r)
	case "replace":
		p.changed[k]++
		return w.SetRecord(k.Account, k.Region, k.Function, k.Qualifier, d.record)
	case "delete":
		p.changed[k]++
		return w.DeleteRecord(k.Account, k.Region, k.Function, k.Qualifier)
	case "busy":
		return w.SetBusy(k.Account, k.Region, k.Function, d.lasts)
	case "remove function":
		delete(p.functions, at)
		p.touchAll(at)
		return w.RemoveFunction(k.Account, k.Region, k.Function)
	case "remove alias":
		f.aliased = false
		p.functions[at] = f
		p.touchAll(at)
		return w.RemoveAlias(k.Account, k.Region, k.Function, "live")
	case "add alias":
		f.aliased = true
		p.functions[at] = f
		p.touchAll(at)
		return w.AddAlias(k.Account, k.Region, k.Function, "live")
	}
	return fmt.Errorf("no such deed: %s", d.kind)
}

func (p *planet) touchAll(at place) {
	for _, q := range qualifiers {
		p.changed[desired.Key{Target: at.Target, Name: desired.Name{Function: at.function, Qualifier: q}}]++
	}
}

// settle ends what disturbs for a while.
func (p *planet) settle() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for at := range p.functions {
		if err := p.world.SetBusy(at.Account, at.Region, at.function, 0); err != nil {
			return err
		}
	}
	if err := p.world.SetQuota(awssim.Quota{}); err != nil {
		return err
	}
	return p.world.SetFaults(awssim.Faults{})
}
