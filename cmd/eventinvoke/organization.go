package main

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/organization"
)

// membersFor is how long a worker goes on with the accounts that it was told of.
const membersFor = 15 * time.Minute

// enlistTimeout bounds the questions of one document; 10,000 accounts are 500 pages.
const enlistTimeout = 5 * time.Minute

// enlisted is what AWS Organizations said last, of each organization of a fleet file.
type enlisted struct {
	sync.Mutex
	of      []desired.Organization
	members map[string][]desired.Member
	at      time.Time
}

// enlist gives a document the accounts of its organizations. A document without any costs
// nothing. What was asked a while ago is asked again; a worker that gets no answer then
// goes on with the accounts it knows.
func (a *app) enlist(document *desired.Document, o *readOptions) (*desired.Document, error) {
	of := document.Organizations()
	if len(of) == 0 {
		return document, nil
	}
	a.enlisted.Lock()
	defer a.enlisted.Unlock()
	known := &a.enlisted
	same := slices.EqualFunc(known.of, of, func(x, y desired.Organization) bool {
		return x.Label == y.Label && x.Enabled == y.Enabled && slices.Equal(x.Units, y.Units)
	})
	if same && time.Since(known.at) < membersFor {
		return document.Enlisted(known.members), nil
	}
	members, err := a.members(of, o)
	switch {
	case err != nil && same:
		a.log.Warn("the accounts are those known before", "error", err)
		return document.Enlisted(known.members), nil
	case err != nil:
		return nil, err
	case same:
		for label := range members {
			a.tellChange(label, accountsOf(known.members[label]), accountsOf(members[label]), "")
		}
	}
	known.of, known.members, known.at = of, members, time.Now()
	return document.Enlisted(members), nil
}

// members asks Organizations with the base credentials.
func (a *app) members(of []desired.Organization, o *readOptions) (map[string][]desired.Member, error) {
	ctx, cancel := context.WithTimeout(cmp.Or(a.ctx, context.Background()), enlistTimeout)
	defer cancel()
	var options awslambda.Options
	if err := o.simulated(&options); err != nil {
		return nil, err
	}
	cfg, err := awslambda.LoadConfig(ctx, awslambda.Environment{
		Version: version, Region: options.Region, Credentials: options.Credentials, HTTPClient: options.HTTPClient, MFAToken: mfaToken(),
	})
	if err != nil {
		return nil, err
	}
	directory := organization.New(cfg)
	defer directory.Close()
	members := map[string][]desired.Member{}
	for _, o := range of {
		if members[o.Label], err = directory.Members(ctx, o); err != nil {
			return nil, err
		}
	}
	return members, nil
}

// tellMembers says which accounts an organization has won or lost since the run before,
// where runs are remembered. Neither is a reason to stop: a new account is checked like
// any other, and what was in one that is gone is out of reach.
func (x *execution) tellMembers(ctx context.Context) {
	if len(x.organizations) == 0 || len(x.o.targets) > 0 {
		return
	}
	h := x.history(ctx)
	if h == nil {
		return
	}
	runs, err := h.List(ctx, history.ListOptions{Limit: 1, All: true})
	if err != nil || len(runs) == 0 {
		return // whoever writes there tells what is wrong
	}
	before, now := map[string][]string{}, map[string][]string{}
	for _, r := range runs[0].Attempts {
		if len(r.Selection.Targets) > 0 {
			return
		}
		for _, t := range r.Targets {
			before[t.Label] = append(before[t.Label], t.Account)
		}
	}
	targets, _ := x.Wishes.Targets()
	for _, t := range targets {
		now[t.Label] = append(now[t.Label], t.Account)
	}
	for _, o := range x.organizations {
		if before[o.Label] != nil {
			x.app.tellChange(o.Label, before[o.Label], now[o.Label], runs[0].Run)
		}
	}
}

// tellChange logs which accounts a target has won or lost.
func (a *app) tellChange(label string, before, now []string, since string) {
	joined, left := missingFrom(before, now), missingFrom(now, before)
	if len(joined)+len(left) == 0 {
		return
	}
	about := []any{"target", label, "joined", joined, "left", left}
	if since != "" {
		about = append(about, "since", since)
	}
	a.log.Info("the accounts of an organization changed", about...)
}

// missingFrom are those of some accounts that others lack, sorted, each once.
func missingFrom(others, some []string) []string {
	missing := slices.DeleteFunc(slices.Clone(some), func(account string) bool { return slices.Contains(others, account) })
	slices.Sort(missing)
	return slices.Compact(missing)
}

func accountsOf(members []desired.Member) []string {
	var all []string
	for _, m := range members {
		all = append(all, m.Account)
	}
	return all
}
